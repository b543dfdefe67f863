import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { createOptionalIndexes } from '../../../lib/projection/store/optional-indexes.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import type { PageRequest, QueryPage, RecordChange } from '../../../lib/query/model.ts';
import type { KeyFilter, KeyOrder, QueryReader } from '../../../lib/query/ports/query-reader.ts';
import { createQueryReader } from '../../../lib/query/store/query-reader.ts';
import { DATABASES, SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { NEW_YEAR } from '../../fixtures/sync/stream-events.ts';

const POOLS = ['us-east-1:pool-a', 'us-east-1:pool-b'];
const IDENTITIES = Array.from({ length: 7 }, (_, index) => `us-east-1:identity-${index}`);
const DATASETS = ['game', 'settings'];
const ANY: KeyFilter = { identityPoolId: null, datasetName: null };
const LONG = 'x'.repeat(64);

const version = (syncCount: number) => ({ lastModifiedDate: NEW_YEAR, syncCount });

/** Returns changes of two pools with seven identities each. Scores repeat, so that pages end between equal values. */
function changes() {
  return POOLS.flatMap((identityPoolId) =>
    IDENTITIES.flatMap((identityId, index) =>
      DATASETS.map((datasetName) => ({
        dataset: { identityPoolId, identityId, datasetName },
        version: version(3),
        // The dataset `settings` of the last identity was removed. Its score is older than the removal; its motto is
        // newer.
        removal: index === 6 && datasetName === 'settings' ? version(2) : null,
        records: [
          {
            key: 'score',
            value: String(index % 3),
            version: version(1 + (index % 3)),
            deviceLastModifiedDate: null,
          },
          {
            key: 'motto',
            value: index === 0 ? null : `${LONG}${index % 2}`,
            version: version(3),
            deviceLastModifiedDate: NEW_YEAR,
          },
          { key: 'name', value: `<b>${identityId}</b>`, version: version(3), deviceLastModifiedDate: null },
        ],
      })),
    ),
  );
}

/** Reads all pages, and checks that no page exceeds its limit. */
async function readAll<Item>(
  read: (page: PageRequest) => Promise<QueryPage<Item>>,
  limit: number,
): Promise<Item[]> {
  const all: Item[] = [];
  let after: PageRequest['after'] = null;
  do {
    const { items, next }: QueryPage<Item> = await read({ limit, after });
    expect(items.length).toBeLessThanOrEqual(limit);
    all.push(...items);
    after = next;
  } while (after !== null);
  return all;
}

describe.each(SERVICE_DATABASES)('the query reader on $name', ({ openOwn }) => {
  let database: Database;
  let reader: QueryReader;
  beforeAll(async () => {
    database = await openOwn();
    reader = createQueryReader(database);
    await createQueryStore(database).apply(changes());
  });
  afterAll(() => database.close());

  it.each([1, 2, 5, 100])('lists pools, identities, datasets and records in pages of %i', async (limit) => {
    const [identityPoolId = ''] = POOLS;
    expect(await readAll(reader.pools, limit)).toEqual(POOLS.map((id) => ({ identityPoolId: id })));
    const identities = await readAll((page) => reader.identities(identityPoolId, page), limit);
    expect(identities.map(({ identityId }) => identityId)).toEqual(IDENTITIES);
    const identity = { identityPoolId, identityId: IDENTITIES[6] ?? '' };
    const datasets = await readAll((page) => reader.datasets(identity, page), limit);
    expect(datasets).toMatchObject([
      { ...identity, datasetName: 'game', syncCount: 3, isDeleted: false },
      { ...identity, datasetName: 'settings', syncCount: 3, isDeleted: false },
    ]);
    const records = await readAll(
      (page) => reader.records({ ...identity, datasetName: 'settings' }, page),
      limit,
    );
    expect(records.map(({ recordKey }) => recordKey).sort()).toEqual(['motto', 'name']);
  });

  it('returns the records of a dataset with all their members', async () => {
    const dataset = { identityPoolId: POOLS[0] ?? '', identityId: IDENTITIES[1] ?? '', datasetName: 'game' };
    const { items } = await reader.records(dataset, { limit: 10, after: null });
    expect(items.find(({ recordKey }) => recordKey === 'score')).toEqual({
      ...dataset,
      recordKey: 'score',
      recordValue: '1',
      numericValue: '1',
      syncCount: 2,
      lastModifiedDate: new Date(NEW_YEAR),
      deviceLastModifiedDate: null,
      projectedAt: expect.any(Date),
    });
    expect(items.find(({ recordKey }) => recordKey === 'motto')).toMatchObject({
      numericValue: null,
      deviceLastModifiedDate: new Date(NEW_YEAR),
    });
  });

  it('names the providers of the identities that the service knows', async () => {
    const identityId = 'us-east-1:known';
    await database.query(
      "INSERT INTO identity.identities (identity_id, identity_pool_id, created_ms, modified_ms) VALUES ($1, 'pool', 0, 0), ('us-east-1:z', 'pool', 0, 0)",
      [identityId],
    );
    await database.query(
      `INSERT INTO identity.logins (login_id, identity_pool_id, provider, user_id, identity_id, linked_ms)
       VALUES (md5('1')::uuid, 'pool', 'graph.facebook.com', 'user', $1, 0), (md5('2')::uuid, 'pool', 'accounts.google.com', 'user', $1, 0)`,
      [identityId],
    );
    expect(await readAll((page) => reader.identities('pool', page), 1)).toEqual([
      { identityPoolId: 'pool', identityId, providers: ['accounts.google.com', 'graph.facebook.com'] },
      { identityPoolId: 'pool', identityId: 'us-east-1:z', providers: [] },
    ]);
    const [unknown] = (await reader.identities(POOLS[0] ?? '', { limit: 1, after: null })).items;
    expect(unknown?.providers).toBeNull();
  });

  it.each([1, 2, 3, 100])('lists identities with many datasets once, in pages of %i', async (limit) => {
    const pool = `many-datasets-${limit}`;
    const counts = { a: 7, b: 1, c: 9, d: 2, e: 5 };
    for (const [identity, count] of Object.entries(counts)) {
      await database.query(
        `INSERT INTO projection.datasets
         SELECT md5($1 || $2 || i)::uuid, $1, $2, 'game' || i, 1, 1, NULL, NULL, now()
         FROM generate_series(1, $3::int) AS i`,
        [pool, `${identity}-${limit}`, count],
      );
    }
    // Two identities without datasets, and one that was merged into another one.
    await database.query(
      `INSERT INTO identity.identities (identity_id, identity_pool_id, created_ms, modified_ms, merged_into)
       VALUES ('bb-' || $1, $2, 0, 0, NULL), ('cc-' || $1, $2, 0, 0, 'a'), ('z-' || $1, $2, 0, 0, NULL)`,
      [String(limit), pool],
    );
    const found = await readAll((page) => reader.identities(pool, page), limit);
    expect(found.map(({ identityId }) => identityId)).toEqual(
      ['a', 'b', 'bb', 'c', 'd', 'e', 'z'].map((identity) => `${identity}-${limit}`),
    );
    expect(found.map(({ providers }) => providers !== null)).toEqual(
      ['a', 'b', 'bb', 'c', 'd', 'e', 'z'].map((identity) => ['bb', 'z'].includes(identity)),
    );
  });
});

describe.each(DATABASES)('the query reader on $name', ({ openOwn }) => {
  let database: Database;
  let reader: QueryReader;
  beforeAll(async () => {
    database = await openOwn();
    reader = createQueryReader(database);
    await createQueryStore(database).apply(changes());
  });
  afterAll(() => database.close());

  it('reads every change once, and later the changes since then', async () => {
    const dataset = { identityPoolId: 'changing', identityId: 'identity', datasetName: 'game' };
    const write = (syncCount: number, value: string | null) =>
      createQueryStore(database).apply([
        {
          dataset,
          version: version(syncCount),
          removal: null,
          records: [{ key: 'k', value, version: version(syncCount), deviceLastModifiedDate: null }],
        },
      ]);
    let after: PageRequest['after'] = null;
    /** Reads until the end of the feed. A change appears after the millisecond in which it was written. */
    const read = async () => {
      await sleep(2);
      const found: RecordChange[] = [];
      for (let isEnd = false; !isEnd; ) {
        const page: QueryPage<RecordChange> = await reader.changes(null, { limit: 4, after });
        found.push(...page.items);
        isEnd = page.items.length === 0;
        after = page.next;
      }
      return found;
    };
    expect(await read()).toHaveLength(changes().length * 3);
    const since = new Date();
    await write(1, 'a');
    await write(2, 'b');
    expect(await read()).toMatchObject([{ ...dataset, recordKey: 'k', recordValue: 'b', syncCount: 2 }]);
    await write(3, null);
    expect(await read()).toMatchObject([{ ...dataset, recordKey: 'k', recordValue: null, syncCount: 3 }]);
    expect((await reader.changes(null, { limit: 4, after })).items).toEqual([]);
    const recent = await reader.changes(new Date(since.getTime() - 1_000), { limit: 1_000, after: null });
    expect(recent.items.at(-1)).toMatchObject({ ...dataset, recordValue: null });
  });

  it('reports the records of a dataset that is removed', async () => {
    const dataset = { identityPoolId: 'removing', identityId: 'identity', datasetName: 'game' };
    const record = { key: 'k', value: 'v', version: version(1), deviceLastModifiedDate: null };
    const store = createQueryStore(database);
    await store.apply([{ dataset, version: version(1), removal: null, records: [record] }]);
    const read = async (since: Date) => {
      await sleep(2);
      const { items } = await reader.changes(since, { limit: 1_000, after: null });
      return items
        .filter(({ identityPoolId }) => identityPoolId === 'removing')
        .map(({ recordValue }) => recordValue);
    };
    const start = new Date(Date.now() - 60_000);
    expect(await read(start)).toEqual(['v']);
    await store.apply([{ dataset, version: version(2), removal: version(2), records: [] }]);
    expect(await read(start)).toEqual([null]);
  });

  it('requires an index to read the change feed', async () => {
    const read = () => reader.changes(null, { limit: 1, after: null });
    const indexes = createOptionalIndexes(database);
    await indexes.drop('changes');
    await expect(read()).rejects.toMatchObject({
      reason: 'missing-index',
      message: expect.stringContaining('indexes add changes'),
    });
    await indexes.add('changes');
    await expect(read()).resolves.toHaveProperty('items');
  });

  it.each<KeyOrder>([
    { by: 'number', descending: false, min: null, max: null },
    { by: 'text', descending: false, equals: null },
  ])('requires an index to list the records of a key by $by', async (order) => {
    const reading = reader.recordsOf('score', order, ANY, { limit: 1, after: null });
    await expect(reading).rejects.toMatchObject({
      reason: 'missing-index',
      message: expect.stringContaining(`indexes add ${order.by === 'number' ? 'numeric' : 'text'}`),
    });
  });
});

describe.each(DATABASES)('the records of one key on $name', ({ openOwn }) => {
  let database: Database;
  let reader: QueryReader;
  beforeAll(async () => {
    database = await openOwn();
    reader = createQueryReader(database);
    await createQueryStore(database).apply(changes());
    await createOptionalIndexes(database).add('numeric');
    await createOptionalIndexes(database).add('text');
  });
  afterAll(() => database.close());

  const list = async (key: string, order: KeyOrder, filter = ANY, limit = 3) =>
    (await readAll((page) => reader.recordsOf(key, order, filter, page), limit)).map(
      ({ identityPoolId, identityId, datasetName, recordValue }) => ({
        where: `${identityPoolId} ${identityId} ${datasetName}`,
        recordValue,
      }),
    );

  it.each([1, 2, 3, 100])('are ordered by number in pages of %i', async (limit) => {
    const up = await list('score', { by: 'number', descending: false, min: null, max: null }, ANY, limit);
    expect(up.map(({ recordValue }) => recordValue)).toEqual(
      up.map(({ recordValue }) => recordValue).toSorted(),
    );
    expect(new Set(up.map(({ where }) => where)).size).toBe(up.length);
    // The scores in the removed `settings` of the last identity are left out, in both pools.
    expect(up).toHaveLength(changes().length - 2);
    const down = await list('score', { by: 'number', descending: true, min: null, max: null }, ANY, limit);
    expect(down).toEqual(up.toReversed());
  });

  it('are limited by bounds and filters', async () => {
    const filter = { identityPoolId: POOLS[1] ?? '', datasetName: 'game' };
    const found = await list('score', { by: 'number', descending: true, min: '1', max: '1.5' }, filter);
    expect(found.map(({ where }) => where).sort()).toEqual(
      [1, 4].map((index) => `${POOLS[1]} ${IDENTITIES[index]} game`),
    );
  });

  it.each([1, 2, 100])('are ordered by text in pages of %i', async (limit) => {
    const up = await list('motto', { by: 'text', descending: false, equals: null }, ANY, limit);
    const down = await list('motto', { by: 'text', descending: true, equals: null }, ANY, limit);
    expect(up).toHaveLength(changes().length - 4);
    expect(down).toEqual(up.toReversed());
    const names = await list('name', { by: 'text', descending: true, equals: null }, ANY, limit);
    expect(names.map(({ recordValue }) => recordValue)).toEqual(
      names
        .map(({ recordValue }) => recordValue)
        .toSorted()
        .toReversed(),
    );
  });

  it('are selected by their complete value, not only by the indexed characters', async () => {
    const found = await list('motto', { by: 'text', descending: false, equals: `${LONG}1` }, ANY, 2);
    expect(found).toHaveLength(3 * 4);
    expect(found.every(({ recordValue }) => recordValue === `${LONG}1`)).toBe(true);
  });
});
