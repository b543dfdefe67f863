import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DatasetKey } from '../../../lib/common/dataset-key.ts';
import type { Database, Transaction } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { datasetId, identityRowId } from '../../../lib/database/row-ids.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import type { SyncRecord } from '../../../lib/sync/model.ts';
import type { PoolStreams } from '../../../lib/sync/ports/pool-store.ts';
import type {
  DatasetUpdate,
  ReadRecordsOptions,
  Snapshot,
  StoredDataset,
  SyncStore,
  UpdateDecision,
} from '../../../lib/sync/ports/sync-store.ts';
import { createPayloadStore } from '../../../lib/sync/store/payload-store.ts';
import { READ_SNAPSHOT } from '../../../lib/sync/store/sync-statements.ts';
import { createSyncStore } from '../../../lib/sync/store/sync-store.ts';
import { createPostgresDatabase, SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { createPool, newPool, STREAMING } from '../../fixtures/identity/identity-pools.ts';
import { IDENTITY, NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

const GAME: DatasetKey = { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' };
const ALL: ReadRecordsOptions = { session: null, after: 0, upTo: null, limit: null };

const newSession = (expiresAt = NEW_YEAR) => ({ sessionId: randomUUID(), expiresAt });

function record(key: string, value: string | null, syncCount = 1): SyncRecord {
  return {
    Key: key,
    Value: value,
    SyncCount: syncCount,
    LastModifiedDate: NEW_YEAR + syncCount,
    LastModifiedBy: 'writer',
    DeviceLastModifiedDate: null,
  };
}

/** Returns an update that writes these values. Its sizes are not computed, because the store does not check them. */
function updateOf(
  { dataset }: Snapshot,
  values: Record<string, string | null>,
  members: Partial<DatasetUpdate> & { datasetName?: string } = {},
): DatasetUpdate {
  const syncCount = (dataset?.syncCount ?? 0) + 1;
  return {
    dataset: {
      datasetName: members.datasetName ?? 'game',
      syncCount,
      deletedSyncCount: dataset?.deletedSyncCount ?? 0,
      creationDate: NEW_YEAR,
      lastModifiedDate: NEW_YEAR + syncCount,
      lastModifiedBy: 'writer',
      dataStorage: 11,
      numRecords: 2,
      rowCount: 3,
      keyBytes: 7,
    },
    records: Object.entries(values).map(([key, value]) => record(key, value, syncCount)),
    spend: newSession(),
    event: { partitionKey: IDENTITY, data: '{}', payload: null },
    ...members,
  };
}

function deletionOf(snapshot: Snapshot): DatasetUpdate {
  const { dataset, ...rest } = updateOf(snapshot, {}, { spend: null });
  return { ...rest, dataset: { ...dataset, deletedSyncCount: dataset.syncCount } };
}

describe.each(SERVICE_DATABASES)('the sync store on $name', ({ open }) => {
  let database: Database;
  let store: SyncStore;

  beforeAll(async () => {
    database = await open();
    store = createSyncStore(database);
    await createPool(database);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [
      'sync.identities',
      'sync.datasets',
      'sync.records',
      'sync.merged_datasets',
      'sync.spent_tokens',
      'sync.outbox',
    ]);
  });

  const update = (values: Record<string, string | null>, members?: Partial<DatasetUpdate>, key = GAME) =>
    store.change(key, { keys: Object.keys(values), session: null }, (snapshot) => ({
      update: updateOf(snapshot, values, { ...members, datasetName: key.datasetName }),
      answer: snapshot,
    }));
  const remove = (key = GAME) =>
    store.change(key, { keys: [], session: null }, (snapshot) => ({
      update: deletionOf(snapshot),
      answer: null,
    }));
  const peek = async (keys: string[] = [], session: ReturnType<typeof newSession> | null = null) =>
    (await store.change(GAME, { keys, session }, (snapshot) => ({ update: null, answer: snapshot }))).answer;
  const rowsIn = async (table: string) =>
    (await database.query<{ n: number }>(`SELECT count(*) AS n FROM sync.${table}`)).rows[0]?.n;

  it('is empty at first', async () => {
    expect(await store.readRecords(GAME, ALL)).toEqual({
      dataset: null,
      mergedDatasetNames: [],
      identityDeleted: false,
      spent: false,
      records: [],
      next: null,
    });
    expect(await store.readDataset(GAME)).toBeNull();
    expect(await store.readDatasets(GAME, { after: '', limit: null })).toEqual([]);
    expect(await peek(['a'])).toEqual({
      dataset: null,
      spent: false,
      identityDatasets: 0,
      poolExists: true,
      identityDeleted: false,
      records: new Map(),
    });
  });

  it('returns a dataset and its records as they were written', async () => {
    const unusual = {
      'a\\"{}, NULL': "'; \u{1F600}é鍵\uFEFF\t\r\n",
      empty: '',
      null: 'NULL',
      '\uFEFFk': '{"x":[]}',
    };
    const records: SyncRecord[] = Object.entries(unusual).map(([key, value], index) => ({
      ...record(key, value),
      DeviceLastModifiedDate: index === 0 ? -62_135_596_800_000 : null,
    }));
    await update(unusual, { records });
    const read = await store.readRecords(GAME, ALL);
    expect(read.records.toSorted(byKey)).toEqual(records.toSorted(byKey));
    const dataset: StoredDataset = {
      datasetName: 'game',
      syncCount: 1,
      deletedSyncCount: 0,
      creationDate: NEW_YEAR,
      lastModifiedDate: NEW_YEAR + 1,
      lastModifiedBy: 'writer',
      dataStorage: 11,
      numRecords: 2,
    };
    expect(read.dataset).toEqual({
      syncCount: 1,
      deletedSyncCount: 0,
      lastModifiedDate: dataset.lastModifiedDate,
      lastModifiedBy: dataset.lastModifiedBy,
    });
    expect(await store.readDataset(GAME)).toEqual(dataset);
    expect(await store.readDatasets(GAME, { after: '', limit: null })).toEqual([dataset]);
  });

  it('passes only the requested records to the decision, with the sizes of their values in bytes', async () => {
    await update({ a: 'é', b: '12345', gone: null });
    expect(await peek(['a', 'gone', 'never'])).toEqual({
      dataset: expect.objectContaining({ syncCount: 1 }),
      spent: false,
      // The store counts the identity's datasets only if this dataset does not exist.
      identityDatasets: 0,
      poolExists: true,
      identityDeleted: false,
      records: new Map([
        ['a', { syncCount: 1, valueBytes: 2 }],
        ['gone', { syncCount: 1, valueBytes: null }],
      ]),
    });
  });

  it('writes the event to the outbox with the change and returns its id', async () => {
    const { outboxId } = await update(
      { a: '1' },
      { event: { partitionKey: 'who', data: '{"x":"é"}', payload: null } },
    );
    const { rows } = await database.query('SELECT * FROM sync.outbox');
    expect(rows).toEqual([
      {
        outbox_id: outboxId,
        partition_key: 'who',
        event: '{"x":"é"}',
        event_bytes: 10,
        created_at: expect.any(Date),
        leased_until: null,
        attempts: 0,
        parked_reason: null,
        stream_name: 'cognito-sync',
        bulk_publish_id: null,
      },
    ]);
  });

  describe('streaming', () => {
    const payload = { payloadId: randomUUID(), body: '[{"key":"é"}]', expiresAt: NEW_YEAR };
    const offloaded = { event: { partitionKey: IDENTITY, data: '{}', payload } };
    const streaming = (streams: Partial<PoolStreams> | null) =>
      database.query(
        'UPDATE sync.identity_pools SET streaming_status = $1, stream_name = $2 WHERE identity_pool_id = $3',
        [streams?.status ?? null, streams?.streamName ?? null, POOL],
      );
    const payloads = async () => (await database.query('SELECT * FROM sync.payloads')).rows;
    const streamsOf = async () =>
      (await database.query('SELECT stream_name FROM sync.outbox ORDER BY created_at')).rows.map(
        (row) => row.stream_name,
      );
    beforeEach(() => deleteRows(database, ['sync.payloads', 'sync.payload_parts']));
    afterEach(() => streaming(STREAMING));

    it.each([
      ['not configured', null],
      ['disabled', { ...STREAMING, status: 'DISABLED' as const }],
    ])('publishes no change if it is %s', async (_, streams) => {
      await streaming(streams);
      const first = await update({ a: '1' }, offloaded);
      const second = await update({ a: '2' }, offloaded);
      const third = await remove();
      expect([first.outboxId, second.outboxId, third.outboxId]).toEqual([null, null, null]);
      expect([await rowsIn('outbox'), await payloads()]).toEqual([0, []]);
      expect(await store.readRecords(GAME, ALL)).toMatchObject({ dataset: { syncCount: 3 } });
    });

    it('publishes nothing if the pool does not exist', async () => {
      const { outboxId } = await update({ a: '1' }, offloaded, { ...GAME, identityPoolId: 'us-east-1:0' });
      expect([outboxId, await rowsIn('outbox'), await payloads()]).toEqual([null, 0, []]);
    });

    it('publishes to the current stream of the pool', async () => {
      await update({ a: '1' });
      await streaming({ ...STREAMING, streamName: 'other' });
      await update({ a: '2' });
      await remove();
      await streaming(STREAMING);
      await update({ a: '3' });
      expect(await streamsOf()).toEqual(['cognito-sync', 'other', 'other', 'cognito-sync']);
    });

    it('stores the payload once, together with its event', async () => {
      const { outboxId } = await update({ a: '1' }, offloaded);
      expect(outboxId).not.toBeNull();
      expect(await payloads()).toEqual([
        {
          payload_id: payload.payloadId,
          body: payload.body,
          expires_ms: payload.expiresAt,
          identity_row_id: identityRowId(GAME),
          outbox_id: outboxId,
        },
      ]);
    });

    it('stores a large payload in parts, only if the update is written and the pool streams', async () => {
      const body = `"${'é'.repeat(600_000)}"`;
      const large = { event: { ...offloaded.event, payload: { ...payload, body } } };
      const parts = async () =>
        (
          await database.query<{ bytes: number }>(
            'SELECT octet_length(body) AS bytes FROM sync.payload_parts',
          )
        ).rows;
      await streaming({ ...STREAMING, status: 'DISABLED' });
      await update({ a: '1' }, large);
      expect([await payloads(), await parts()]).toEqual([[], []]);
      await streaming(STREAMING);
      await update({ a: '2' }, large);
      // After the quotation mark, an é of two bytes would cross the end of the first part.
      const first = 512 * 1024 - 1;
      const total = (await parts()).reduce((sum, { bytes }) => sum + bytes, first);
      expect([(await parts()).length, total]).toEqual([2, 1_200_002]);
      expect(await createPayloadStore(database).read(payload.payloadId)).toBe(body);
    });
  });

  it.each([
    ['new', 0],
    ['existing', 1],
  ])('writes nothing if the decision throws or returns no update: %s dataset', async (_, updates) => {
    for (let done = 0; done < updates; done += 1) await update({ a: '1' });
    const error = new Error('stale');
    const failed = store.change(GAME, { keys: ['a'], session: null }, (): UpdateDecision<null> => {
      throw error;
    });
    await expect(failed).rejects.toBe(error);
    const nothing = await store.change(GAME, { keys: ['a'], session: null }, () => ({
      update: null,
      answer: 'nothing',
    }));
    expect(nothing).toEqual({ answer: 'nothing', outboxId: null, subscribed: false });
    for (const table of ['identities', 'datasets', 'records', 'spent_tokens', 'outbox']) {
      expect(await rowsIn(table), table).toBe(updates);
    }
  });

  it('reports whether the session of a token was used by an update', async () => {
    const session = newSession(NEW_YEAR + 10);
    expect(await peek([], session)).toMatchObject({ spent: false });
    await update({ a: '1' }, { spend: session });
    expect(await peek([], session)).toMatchObject({ spent: true });
    expect(await store.readRecords(GAME, { ...ALL, session })).toMatchObject({ spent: true });
    expect(await peek([], newSession(NEW_YEAR + 10))).toMatchObject({ spent: false });
    await update({ a: '2' });
    expect(await peek([], session)).toMatchObject({ spent: true });
  });

  it('reads records between two sync counts, in pages', async () => {
    await update(Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`first ${index}`, ''])));
    await update({ second: '', removed: null });
    await update({ third: '' });
    expect(keysOf(await store.readRecords(GAME, { ...ALL, after: 1 }))).toEqual([
      'removed',
      'second',
      'third',
    ]);
    const seen: string[] = [];
    let after: number | string | null = 0;
    for (let pages = 0; after !== null; pages += 1) {
      expect(pages).toBeLessThan(4);
      const read = await store.readRecords(GAME, { ...ALL, after, upTo: 2, limit: 2 });
      expect(read.records.length).toBeLessThanOrEqual(2);
      seen.push(...keysOf(read));
      after = read.next;
    }
    expect(seen.toSorted()).toEqual([
      'first 0',
      'first 1',
      'first 2',
      'first 3',
      'first 4',
      'removed',
      'second',
    ]);
  });

  it('reads live records in the order of their sync counts, and tombstones only of the given keys', async () => {
    const session = newSession();
    const live = (keys: string[]) => store.readLiveRecords(GAME, { keys, session });
    expect(await live(['a'])).toEqual({ dataset: null, spent: false, records: [] });
    await update({ a: '1', gone: null });
    await update({ named: null, empty: '' });
    const read = await live(['named', 'a', 'never']);
    expect(read.dataset).toEqual({
      syncCount: 2,
      deletedSyncCount: 0,
      lastModifiedDate: NEW_YEAR + 2,
      lastModifiedBy: 'writer',
    });
    expect(read.records[0]).toEqual(record('a', '1', 1));
    expect(read.records.slice(1).toSorted(byKey)).toEqual([record('empty', '', 2), record('named', null, 2)]);
    await update({ gone: null }, { spend: session });
    expect(await live([])).toMatchObject({ spent: true, records: [{ Key: 'a' }, { Key: 'empty' }] });
    await remove();
    expect(await live(['a', 'named'])).toMatchObject({ dataset: { deletedSyncCount: 4 }, records: [] });
    await update({ named: '1' });
    expect((await live(['a', 'gone'])).records).toEqual([record('named', '1', 5)]);
  });

  it('counts the rows of a dataset that an older version of the service wrote last', async () => {
    await update({ é: '1', gone: null });
    const asStored = { rowCount: 3, keyBytes: 7 };
    expect((await peek()).dataset).toMatchObject(asStored);
    await database.query('UPDATE sync.datasets SET sync_count = sync_count + 1');
    expect((await peek(['é', 'gone', 'never'])).dataset).toMatchObject({ rowCount: 2, keyBytes: 6 });
    await database.query(
      'UPDATE sync.datasets SET row_count = NULL, key_bytes = NULL, counted_sync_count = NULL',
    );
    expect((await peek()).dataset).toMatchObject({ rowCount: 2, keyBytes: 6 });
    await update({ b: '1' });
    expect((await peek()).dataset).toMatchObject(asStored);
    await database.query(
      'UPDATE sync.datasets SET deleted_sync_count = sync_count, counted_sync_count = NULL',
    );
    expect((await peek()).dataset).toMatchObject({ rowCount: 0, keyBytes: 0 });
  });

  it('returns no next page after a page that ends with the last record', async () => {
    await update({ a: '', b: '' });
    expect(await store.readRecords(GAME, { ...ALL, limit: 2 })).toMatchObject({ next: null });
  });

  it('lists the datasets of one identity by name', async () => {
    for (const datasetName of ['b', 'B', 'a', '_', 'ab'])
      await update({ x: '' }, {}, { ...GAME, datasetName });
    await update({ x: '' }, {}, { ...GAME, identityId: `${IDENTITY}0` });
    await update({ x: '' }, {}, { ...GAME, identityPoolId: `${POOL}0` });
    await remove({ ...GAME, datasetName: 'a' });
    const names = async (options: { after: string; limit: number | null }) =>
      (await store.readDatasets(GAME, options)).map(({ datasetName }) => datasetName);
    expect(await names({ after: '', limit: null })).toEqual(['B', '_', 'ab', 'b']);
    expect(await names({ after: 'B', limit: 2 })).toEqual(['_', 'ab']);
  });

  it('returns the names of the existing copies of a dataset, even if the dataset itself never existed', async () => {
    const copyOf = (root: DatasetKey, datasetName: string) =>
      database.query('INSERT INTO sync.merged_datasets (dataset_id, root_dataset_id) VALUES ($1, $2)', [
        datasetId({ ...GAME, datasetName }),
        datasetId(root),
      ]);
    const never = { ...GAME, datasetName: 'never' };
    for (const datasetName of ['game.b', 'game._', 'game.B', 'never.a', 'other.a'])
      await update({ a: '1' }, {}, { ...GAME, datasetName });
    for (const datasetName of ['game.b', 'game.B', 'game._', 'game.gone']) await copyOf(GAME, datasetName);
    await copyOf(never, 'never.a');
    await update({ a: '1', b: '2' });
    let statements = 0;
    const counted = createSyncStore({
      ...database,
      query(sql, values) {
        statements += 1;
        return database.query(sql, values);
      },
    });
    const names = async (key: DatasetKey, options: Partial<ReadRecordsOptions> = {}) =>
      (await counted.readRecords(key, { ...ALL, ...options })).mergedDatasetNames;
    const ofGame = ['game.B', 'game._', 'game.b'];
    expect(await names(GAME)).toEqual(ofGame);
    expect(await names(GAME, { limit: 1, session: newSession() })).toEqual(ofGame);
    expect(await names(GAME, { after: 1 })).toEqual(ofGame);
    expect(await names(never)).toEqual(['never.a']);
    expect(await names(never, { session: newSession() })).toEqual(['never.a']);
    expect(await names({ ...GAME, datasetName: 'other' })).toEqual([]);
    statements = 0;
    expect(await names({ ...GAME, datasetName: 'other.a' })).toEqual([]);
    // Nearly every listing is of a dataset without copies, so it must not take a second round trip for copies.
    expect(statements).toBe(1);
    await remove({ ...GAME, datasetName: 'game._' });
    await update({ a: '1' }, {}, { ...GAME, datasetName: 'game._' });
    expect(await names(GAME)).toEqual(['game.B', 'game.b']);
  });

  it('keeps the sync count and date of a deleted dataset, but no records', async () => {
    await update({ a: '1', b: null });
    await remove();
    expect(await store.readDataset(GAME)).toBeNull();
    expect(await store.readRecords(GAME, ALL)).toMatchObject({
      dataset: { syncCount: 2, deletedSyncCount: 2 },
      records: [],
    });
    expect(await peek()).toMatchObject({ dataset: { lastModifiedDate: NEW_YEAR + 2 }, identityDatasets: 0 });
    expect(await rowsIn('records')).toBe(0);
    await update({ a: '2' });
    expect(await peek(['a', 'b'])).toMatchObject({
      dataset: { syncCount: 3, deletedSyncCount: 2 },
      records: new Map([['a', { syncCount: 3, valueBytes: 1 }]]),
    });
  });

  it('erases a deleted dataset with more rows than one transaction may change', async () => {
    const many = (from: number) =>
      Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`key ${from + index}`, null]));
    await update(many(0));
    await update(many(2_000));
    await update(many(4_000));
    await update({ other: '' }, {}, { ...GAME, datasetName: 'other' });
    await remove();
    expect(await rowsIn('records')).toBe(1);
  });

  it('forgets the date of a removal at the origin after this service removes the dataset itself', async () => {
    const removed = async () =>
      (await database.query<{ removed_ms: number | null }>('SELECT removed_ms FROM sync.datasets')).rows;
    await update({ a: '1' });
    await remove();
    await database.query('UPDATE sync.datasets SET removed_ms = 7');
    await update({ a: '2' });
    expect(await removed()).toEqual([{ removed_ms: 7 }]);
    await remove();
    expect(await removed()).toEqual([{ removed_ms: null }]);
  });

  it('hides records from before a deletion, even if their rows still exist', async () => {
    await update({ old: '1' });
    await database.query('UPDATE sync.datasets SET sync_count = 2, deleted_sync_count = 2');
    expect(keysOf(await store.readRecords(GAME, ALL))).toEqual([]);
    expect((await peek(['old'])).records.size).toBe(0);
    await update({ new: '1' });
    expect(keysOf(await store.readRecords(GAME, ALL))).toEqual(['new']);
    await update({ old: '2' });
    expect(keysOf(await store.readRecords(GAME, ALL))).toEqual(['new', 'old']);
  });

  it('decides each of many concurrent changes from the state that the previous change left', async () => {
    const counts = await Promise.all(
      Array.from({ length: 24 }, async (_, index) => {
        const { answer } = await update({ [`key ${index}`]: 'x' });
        return answer.dataset?.syncCount ?? 0;
      }),
    );
    expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, index) => index));
    const { records, dataset } = await store.readRecords(GAME, ALL);
    expect(dataset?.syncCount).toBe(24);
    expect(records.map(({ SyncCount }) => SyncCount)).toEqual(counts.map((_, index) => index + 1));
    expect(await rowsIn('outbox')).toBe(24);
    expect(await rowsIn('spent_tokens')).toBe(24);
  });

  it('returns whether the pool exists, which is false for a deleted pool', async () => {
    const peekAt = async (key: DatasetKey) =>
      (await store.change(key, { keys: [], session: null }, (answer) => ({ update: null, answer }))).answer;
    const inUnknownPool = { ...GAME, identityPoolId: `${POOL}0` };
    expect(await peekAt(GAME)).toMatchObject({ dataset: null, poolExists: true });
    expect(await peekAt(inUnknownPool)).toMatchObject({ dataset: null, poolExists: false });
    // The store only returns `poolExists`; its caller rejects the write.
    await update({ a: '1' }, {}, inUnknownPool);
    expect(await peekAt(inUnknownPool)).toMatchObject({ dataset: { syncCount: 1 }, poolExists: false });
    const deleted = { ...GAME, identityPoolId: await newPool(database, { streams: STREAMING }) };
    await update({ a: '1' }, {}, deleted);
    expect(await peekAt(deleted)).toMatchObject({ dataset: { syncCount: 1 }, poolExists: true });
    await createIdentityStore(database).markDeleted(deleted.identityPoolId, 1);
    expect(await peekAt(deleted)).toMatchObject({ dataset: { syncCount: 1 }, poolExists: false });
    // The store still publishes the deletion. The job that deletes the pool's remaining data relies on this.
    await database.query('DELETE FROM sync.outbox');
    await remove(deleted);
    expect((await database.query('SELECT 1 FROM sync.outbox')).rows).toHaveLength(1);
  });

  it('counts datasets correctly that are created concurrently', async () => {
    const counts = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const { answer } = await update({ a: '' }, {}, { ...GAME, datasetName: `dataset-${index}` });
        return answer.identityDatasets;
      }),
    );
    expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, index) => index));
  });
});

describe('a change on PostgreSQL', () => {
  let connectionString: string;
  let database: Database;
  beforeAll(async () => {
    connectionString = await createPostgresDatabase();
    database = openPg({ connectionString });
    await database.query('TRUNCATE sync.datasets');
    await increment(createSyncStore(database));
  });
  afterAll(() => database.close());

  const increment = (store: SyncStore) =>
    store.change(GAME, { keys: [], session: null }, (snapshot) => ({
      update: updateOf(snapshot, {}),
      answer: snapshot.dataset?.syncCount ?? 0,
    }));
  const currentCount = async () => (await createSyncStore(database).readDataset(GAME))?.syncCount ?? 0;

  it('is decided again after it has waited for another change to commit', async () => {
    const before = await currentCount();
    const other = new pg.Client({ connectionString });
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query('UPDATE sync.datasets SET sync_count = sync_count + 1');
      const change = increment(createSyncStore(database));
      const waiting =
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
      await expect.poll(async () => (await database.query(waiting)).rows).toHaveLength(1);
      await other.query('COMMIT');
      expect((await change).answer).toBe(before + 1);
    } finally {
      await other.end();
    }
  });

  it('succeeds even if another change is always committed first', async () => {
    const before = await currentCount();
    const others: Promise<unknown>[] = [];
    const changeFirst = async (sql: string) => {
      if (sql !== READ_SNAPSHOT) return;
      others.push(increment(createSyncStore(database)));
      await Promise.race([others.at(-1), sleep(200)]);
    };
    const withRivals = (on: Transaction): Transaction => ({
      async query(sql, values) {
        const result = await on.query<never>(sql, values);
        await changeFirst(sql);
        return result;
      },
    });
    const decided: unknown[] = [];
    const store = createSyncStore({
      ...database,
      ...withRivals(database),
      transaction: (work) => database.transaction((transaction) => work(withRivals(transaction))),
    });
    const { answer } = await store.change(GAME, { keys: [], session: null }, (snapshot) => {
      decided.push(snapshot.dataset?.syncCount);
      return { update: updateOf(snapshot, {}), answer: snapshot.dataset?.syncCount };
    });
    await Promise.all(others);
    expect(decided).toEqual([before, before + 1, before + 2]);
    expect(answer).toBe(before + 2);
    expect(await currentCount()).toBe(before + 4);
  });
});

function keysOf({ records }: { records: SyncRecord[] }): string[] {
  return records.toSorted((a, b) => a.SyncCount - b.SyncCount || byKey(a, b)).map(({ Key }) => Key);
}

function byKey(a: SyncRecord, b: SyncRecord): number {
  return a.Key < b.Key ? -1 : 1;
}
