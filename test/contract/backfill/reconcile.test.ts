import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ReconcileDeps, type ReconcileOptions, reconcile } from '../../../lib/backfill/reconcile.ts';
import { createReconcileStore } from '../../../lib/backfill/store/reconcile-store.ts';
import { type RemoteDataset, SyncClientError } from '../../../lib/backfill/sync-client.ts';
import { ValueRefusedError } from '../../../lib/common/errors.ts';
import type { Database } from '../../../lib/database/database.ts';
import { projectBatch } from '../../../lib/projection/project-batch.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { createListingService, type ListingService } from '../../fixtures/backfill/listing-service.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { deliver, IDENTITY, NEW_YEAR, POOL, readDeliveries } from '../../fixtures/sync/stream-events.ts';

const OTHER_POOL = 'us-east-1:00000000-0000-4000-8000-000000000002';
const identity = (index: number) => `us-east-1:aaaaaaaa-0000-4000-8000-${String(index).padStart(12, '0')}`;

describe('reconcile', () => {
  let database: Database;
  let service: ListingService;
  let clock: number;
  let slept: number[];

  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [
      'projection.datasets',
      'projection.records',
      'projection.reconciliations',
      'projection.gaps',
    ]);
    service = createListingService();
    clock = NEW_YEAR + 60_000;
    slept = [];
  });

  const run = (options: Partial<ReconcileOptions> = {}, more: Partial<ReconcileDeps> = {}) =>
    reconcile(
      {
        api: service.api,
        store: { ...createReconcileStore(database), ...createQueryStore(database) },
        now: () => clock,
        sleep: async (ms) => {
          slept.push(ms);
          clock += ms;
        },
        ...more,
      },
      { identityPoolId: POOL, ...options },
    );
  const project = async (...events: (string | null)[]) => {
    const deliveries = events.flatMap((event) => (event === null ? [] : [deliver(Buffer.from(event))]));
    await projectBatch(createQueryStore(database), await readDeliveries(deliveries));
  };
  const game = (identityId = IDENTITY) => service.dataset(identityId, 'game');
  const live = async () => {
    const { rows } = await database.query<Record<string, string>>('SELECT * FROM query.records');
    const nameOf = (row: Record<string, string>) =>
      `${row.identity_id}/${row.dataset_name}/${row.record_key}`;
    return Object.fromEntries(rows.map((row) => [nameOf(row), row.record_value]));
  };
  const everything = async () => [
    ...(await database.query('SELECT * FROM projection.datasets ORDER BY dataset_id')).rows,
    ...(await database.query('SELECT * FROM projection.records ORDER BY dataset_id, record_id')).rows,
  ];
  const storedRecords = async () =>
    (
      await database.query(
        'SELECT record_key, record_value, last_modified_ms, sync_count FROM projection.records ORDER BY 1',
      )
    ).rows;
  /** As many identities with one dataset each, all of which changed unseen. */
  const fill = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      await project(game(identity(index)).update({ a: 'seen' }));
      game(identity(index)).update({ a: 'unseen' });
    }
  };
  const failing = (which: string, times: number, error: unknown): ListingService['api'] => {
    let left = times;
    return {
      ...service.api,
      listRecords: async (dataset) => {
        const answer = await service.api.listRecords(dataset);
        if (dataset.identityId !== which || left === 0) return answer;
        left -= 1;
        throw error;
      },
    };
  };

  it('changes nothing where nothing differs', async () => {
    await project(
      game().update({ a: '1', b: null }),
      service.dataset(IDENTITY, 'settings').update({ c: '2' }),
    );
    const before = await everything();
    expect(await run()).toEqual({
      end: 'finished',
      message: null,
      startedAt: NEW_YEAR + 60_000,
      compared: 2,
      repaired: 0,
      total: 2,
      skipped: 0,
      leftOut: 0,
      gapsMended: 0,
      isStreaming: true,
    });
    expect(await everything()).toEqual(before);
  });

  it('mends a record that was written, and one that was removed, with their own versions', async () => {
    await project(game().update({ a: '1', b: '1' }));
    game().update({ a: '2' });
    game().update({ b: null });
    expect(await run()).toMatchObject({ repaired: 1 });
    expect(await storedRecords()).toEqual([
      { record_key: 'a', record_value: '2', last_modified_ms: NEW_YEAR + 2, sync_count: 2 },
      { record_key: 'b', record_value: null, last_modified_ms: NEW_YEAR + 3, sync_count: 3 },
    ]);
    expect(await live()).toEqual(service.live());
  });

  it('mends a dataset that was removed, at the newest version that it had here', async () => {
    await project(game().update({ a: '1' }), game().update({ b: '1' }));
    const removal = game().remove();
    expect(await run()).toMatchObject({ repaired: 1 });
    const { rows } = await database.query('SELECT deleted, record_count FROM query.datasets');
    expect(rows).toEqual([{ deleted: true, record_count: 0 }]);
    expect((await storedRecords()).map((row) => row.record_value)).toEqual([null, null]);
    const stored = await database.query('SELECT removed_ms, removed_sync_count FROM projection.datasets');
    expect(stored.rows).toEqual([{ removed_ms: NEW_YEAR + 2, removed_sync_count: 2 }]);

    await project(game().update({ a: 'anew' }), removal);
    expect(await live()).toEqual(service.live());
  });

  it('removes with a dataset what is newer here than its own row, too', async () => {
    await project(game().update({ a: '1' }));
    game().remove();
    // As after a batch of which one of two writes has not come yet.
    await database.query('UPDATE projection.datasets SET last_modified_ms = 1, sync_count = 0');
    expect(await run()).toMatchObject({ repaired: 1 });
    expect(await live()).toEqual({});
  });

  it('mends a record of a dataset that was removed and made anew without it, just above the version it had', async () => {
    await project(game().update({ a: '1', b: '1' }));
    const removal = game().remove();
    const anew = game().update({ a: '2' });
    expect(await run()).toMatchObject({ repaired: 1 });
    expect(await storedRecords()).toEqual([
      { record_key: 'a', record_value: '2', last_modified_ms: NEW_YEAR + 3, sync_count: 3 },
      { record_key: 'b', record_value: null, last_modified_ms: NEW_YEAR + 1, sync_count: 3 },
    ]);
    const again = game().update({ b: 'again' });
    await project(again, anew, removal);
    expect(await live()).toEqual(service.live());
  });

  it('sees to it that such a record goes where counts have started again', async () => {
    for (const value of ['1', '2', '3']) await project(game().update({ a: value }));
    game().remove(true);
    game().update({ b: '1' });
    expect(await run()).toMatchObject({ repaired: 1 });
    expect(await live()).toEqual(service.live());
  });

  it('mends a dataset that is removed here and was made anew', async () => {
    await project(game().update({ a: '1' }), game().remove());
    game().update({ b: '2' });
    expect(await run()).toMatchObject({ repaired: 1 });
    expect(await live()).toEqual(service.live());
  });

  it('does not ask for a dataset that is removed here and there', async () => {
    await project(game().update({ a: '1' }), game().remove());
    expect(await run()).toMatchObject({ compared: 1, repaired: 0 });
    expect(service.calls).toEqual(['readStreaming', 'listDatasets']);
  });

  it('finds a dataset that it has never heard of, of an identity that it knows', async () => {
    await project(game().update({ a: '1' }));
    service.dataset(IDENTITY, 'another').update({ b: '2' });
    expect(await run()).toMatchObject({ compared: 2, repaired: 1, total: 2 });
    expect(await live()).toEqual(service.live());
  });

  it('leaves other pools alone', async () => {
    await project(game().update({ a: '1' }));
    await database.query('UPDATE projection.datasets SET identity_pool_id = $1', [OTHER_POOL]);
    game().remove();
    expect(await run()).toMatchObject({ end: 'finished', compared: 0 });
    expect(await live()).not.toEqual({});
  });

  it('removes nothing where the service does not know the pool', async () => {
    await project(game().update({ a: '1' }));
    await database.query('UPDATE projection.datasets SET identity_pool_id = $1', [OTHER_POOL]);
    const before = await everything();
    expect(await run({ identityPoolId: OTHER_POOL })).toMatchObject({
      end: 'not-found',
      message: 'there is no such pool',
      startedAt: null,
    });
    expect(await everything()).toEqual(before);
    expect((await database.query('SELECT 1 FROM projection.reconciliations')).rows).toEqual([]);
  });

  it('says where the pool does not stream', async () => {
    const readStreaming = async () => ({ isEnabled: false, streamName: null, roleArn: null });
    expect(await run({}, { api: { ...service.api, readStreaming } })).toMatchObject({
      end: 'finished',
      isStreaming: false,
    });
  });

  it('takes no record for removed that was written while its dataset was listed', async () => {
    await project(game().update({ a: '1', b: '1' }));
    let listings = 0;
    const listRecords = async (): Promise<RemoteDataset> => {
      const dataset = { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' };
      const listed = await service.api.listRecords(dataset);
      listings += 1;
      if (listings > 1) return listed;
      // It was on the second page, and is newer than the first when that is read.
      game().update({ b: '2' });
      return { ...listed, records: listed.records.filter(({ key }) => key !== 'b') };
    };
    expect(await run({}, { api: { ...service.api, listRecords } })).toMatchObject({
      repaired: 1,
      skipped: 0,
    });
    expect(listings).toBe(2);
    expect(await live()).toEqual(service.live());
  });

  it('takes nothing for removed that was written since its dataset was listed', async () => {
    await project(game().update({ a: '1' }));
    const listRecords: ListingService['api']['listRecords'] = async (dataset) => {
      const listed = await service.api.listRecords(dataset);
      await project(game().update({ b: '2' }));
      return listed;
    };
    expect(await run({}, { api: { ...service.api, listRecords } })).toMatchObject({
      repaired: 0,
      skipped: 0,
    });
    expect(await live()).toEqual(service.live());
  });

  it('leaves a dataset as it is that never stands still, and says so', async () => {
    await project(game().update({ a: '1', b: '1' }));
    let syncCount = 1;
    const listRecords = async (): Promise<RemoteDataset> => {
      syncCount += 1;
      return { exists: true, syncCount, records: [] };
    };
    const before = await everything();
    const skipped: unknown[] = [];
    const onSkipped: ReconcileOptions['onSkipped'] = (dataset, reason) => skipped.push([dataset, reason]);
    expect(await run({ onSkipped }, { api: { ...service.api, listRecords } })).toMatchObject({
      end: 'finished',
      skipped: 1,
    });
    expect(skipped).toEqual([
      [{ identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' }, 'kept-changing'],
    ]);
    expect(await everything()).toEqual(before);
  });

  it('leaves out records that no SQL text can hold, and mends the others', async () => {
    await project(game().update({ a: '1' }));
    game().update({ a: '2', 'b\0': '2', c: 'half \ud800', d: '2' });
    expect(await run()).toMatchObject({ end: 'finished', repaired: 1, leftOut: 2 });
    expect(Object.values(await live())).toEqual(['2', '2']);
  });

  it.each([
    ['refused', new SyncClientError('refused', 'the name is too long')],
    ['value-refused', new ValueRefusedError('the database refused a value')],
  ])('leaves a dataset as it is that is %s, and goes on', async (reason, error) => {
    await fill(3);
    const skipped: unknown[] = [];
    const onSkipped: ReconcileOptions['onSkipped'] = ({ identityId }, why) => skipped.push([identityId, why]);
    const outcome = await run({ onSkipped }, { api: failing(identity(1), 1, error) });
    expect(outcome).toMatchObject({ end: 'finished', compared: 3, repaired: 2, skipped: 1 });
    expect(skipped).toEqual([[identity(1), reason]]);
  });

  it('goes on where it was stopped, between datasets', async () => {
    await fill(4);
    const stop = new AbortController();
    const onProgress = ({ compared }: { compared: number }) => compared === 2 && stop.abort();
    expect(await run({ onProgress, signal: stop.signal })).toMatchObject({
      end: 'stopped',
      compared: 2,
      repaired: 2,
      total: 4,
    });
    service.calls.length = 0;
    clock += 1_000_000;
    expect(await run()).toMatchObject({
      end: 'finished',
      startedAt: NEW_YEAR + 60_000,
      compared: 4,
      repaired: 4,
    });
    expect(service.calls.filter((call) => call === 'listRecords game')).toHaveLength(2);
    expect(await live()).toEqual(service.live());
  });

  it('goes on in the middle of an identity', async () => {
    for (const name of ['c', 'a', 'b']) {
      await project(service.dataset(IDENTITY, name).update({ k: '1' }));
      service.dataset(IDENTITY, name).remove();
    }
    const stop = new AbortController();
    const onProgress = ({ compared }: { compared: number }) => compared === 2 && stop.abort();
    await run({ onProgress, signal: stop.signal });
    service.calls.length = 0;
    expect(await run()).toMatchObject({ end: 'finished', compared: 3, repaired: 3 });
    expect(service.calls).toEqual(['readStreaming', 'listDatasets', 'listRecords c']);
  });

  it('begins anew where it is told to, and after it was finished', async () => {
    await fill(2);
    const unavailable = failing(identity(1), 99, new SyncClientError('not-authorized', 'no'));
    expect(await run({}, { api: unavailable })).toMatchObject({
      end: 'not-authorized',
      message: 'no',
      compared: 1,
    });
    clock += 1_000;
    const startedAt = clock;
    expect(await run({ anew: true })).toMatchObject({ end: 'finished', startedAt, compared: 2, repaired: 1 });
    expect(await run()).toMatchObject({ end: 'finished', compared: 2, repaired: 0 });
  });

  it('keeps what was done where the database fails, and rejects', async () => {
    await fill(3);
    const broken = failing(identity(1), 1, new Error('no connection'));
    await expect(run({}, { api: broken })).rejects.toThrow('no connection');
    expect(await run()).toMatchObject({ end: 'finished', compared: 3, repaired: 3 });
  });

  it('is not led astray by another one that was begun since', async () => {
    await fill(3);
    let isFirst = true;
    const api: ListingService['api'] = {
      ...service.api,
      listRecords: async (dataset) => {
        if (isFirst) {
          isFirst = false;
          clock += 1_000;
          const unavailable = failing(identity(0), 99, new SyncClientError('not-authorized', 'no'));
          expect(await run({ anew: true }, { api: unavailable })).toMatchObject({ compared: 0 });
        }
        return service.api.listRecords(dataset);
      },
    };
    expect(await run({}, { api })).toMatchObject({ end: 'finished', compared: 3 });
    const { rows } = await database.query('SELECT compared, finished_ms FROM projection.reconciliations');
    expect(rows).toEqual([{ compared: 0, finished_ms: null }]);
  });

  it('waits longer and longer for a service that has no answer, then ends and can be called again', async () => {
    await fill(1);
    const throttled = new SyncClientError('throttled', 'slow down');
    const patient = await run({}, { api: failing(identity(0), 6, throttled) });
    expect(patient).toMatchObject({ end: 'finished', repaired: 1 });
    expect(slept.filter((ms) => ms >= 1_000)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000]);
    game(identity(0)).update({ a: 'again' });
    expect(await run({}, { api: failing(identity(0), 7, throttled) })).toMatchObject({
      end: 'throttled',
      message: 'slow down',
      compared: 0,
    });
    expect(await run()).toMatchObject({ end: 'finished', repaired: 1 });
  });

  it('waits for nothing any more once it is stopped', async () => {
    await fill(2);
    const stop = new AbortController();
    const sleep = async (ms: number) => {
      clock += ms;
      if (ms >= 1_000) stop.abort();
    };
    const api = failing(identity(0), 99, new SyncClientError('unavailable', 'no route'));
    expect(await run({ signal: stop.signal }, { api, sleep })).toMatchObject({ end: 'stopped', compared: 0 });
    expect(service.calls.filter((call) => call === 'listRecords game')).toHaveLength(1);
  });

  it('does not ask more often than it may, and is not held up by a clock that is set back', async () => {
    await fill(10);
    const asked: number[] = [];
    const api: ListingService['api'] = {
      ...service.api,
      listRecords: (dataset) => {
        asked.push(clock);
        return service.api.listRecords(dataset);
      },
    };
    await run({}, { api, maxCallsPerSecond: 4 });
    const pauses = asked.slice(1).map((time, index) => time - (asked[index] ?? 0));
    expect(new Set(pauses)).toEqual(new Set([500]));

    slept = [];
    const back: ListingService['api'] = {
      ...service.api,
      readStreaming: async (pool) => {
        clock -= 3_600_000;
        return service.api.readStreaming(pool);
      },
    };
    await run({}, { api: back });
    expect(Math.max(...slept)).toBe(100);
  });

  it('mends the gaps that were over when it began, of this pool alone', async () => {
    const gap = (pool: string, since: number, until: number | null) =>
      database.query(
        "INSERT INTO projection.gaps (identity_pool_id, since_ms, cause, until_ms) VALUES ($1, $2, 'streaming-off', $3)",
        [pool, since, until],
      );
    await gap(POOL, 1, clock - 1);
    await gap(POOL, 2, clock);
    await gap(POOL, 3, clock + 1);
    await gap(POOL, 4, null);
    await gap(OTHER_POOL, 1, clock - 1);
    await fill(1);
    expect(
      await run({}, { api: failing(identity(0), 1, new SyncClientError('credentials', 'x')) }),
    ).toMatchObject({
      end: 'credentials',
      gapsMended: 0,
    });
    clock += 10;
    const mendedAt = clock + 200;
    expect(await run()).toMatchObject({ end: 'finished', gapsMended: 2 });
    const { rows } = await database.query<Record<string, unknown>>(
      'SELECT identity_pool_id, since_ms, mended_ms FROM projection.gaps WHERE mended_ms IS NOT NULL ORDER BY 2',
    );
    expect(rows).toEqual([
      { identity_pool_id: POOL, since_ms: 1, mended_ms: mendedAt },
      { identity_pool_id: POOL, since_ms: 2, mended_ms: mendedAt },
    ]);
    expect(await run()).toMatchObject({ gapsMended: 1 });
  });

  it('goes through more identities than it reads at once', async () => {
    const { api, dataset } = service;
    await Promise.all(
      Array.from({ length: 230 }, (_, index) => project(dataset(identity(index), 'game').update({ a: '1' }))),
    );
    dataset(identity(229), 'game').remove();
    const seen: number[] = [];
    const onProgress = ({ compared }: { compared: number }) => seen.push(compared);
    expect(await run({ onProgress }, { api, maxCallsPerSecond: 1_000 })).toMatchObject({
      compared: 230,
      repaired: 1,
      total: 230,
    });
    expect(seen).toEqual(Array.from({ length: 231 }, (_, index) => index));
    expect(await live()).toEqual(service.live());
  });
});
