import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RemoteDataset, SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import {
  type ReconcileDeps,
  type ReconcileOptions,
  reconcile,
} from '../../../lib/backfill/reconcile/reconcile.ts';
import { createReconcileStore } from '../../../lib/backfill/store/reconcile-store.ts';
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

describe('reconcile, which compares the query store with the service and repairs the query store', () => {
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
  /** Creates identities with one dataset each, whose last change was not projected. */
  const fill = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      await project(game(identity(index)).update({ a: 'seen' }));
      game(identity(index)).update({ a: 'unseen' });
    }
  };
  /** Creates an API whose listings of one identity fail this many times. */
  const failing = (failingIdentity: string, times: number, error: unknown): ListingService['api'] => {
    let left = times;
    return {
      ...service.api,
      listRecords: async (dataset) => {
        const listed = await service.api.listRecords(dataset);
        if (dataset.identityId !== failingIdentity || left === 0) return listed;
        left -= 1;
        throw error;
      },
    };
  };

  it('changes nothing if nothing differs', async () => {
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
      gapsRepaired: 0,
      isStreaming: true,
    });
    expect(await everything()).toEqual(before);
  });

  it('repairs a record that was written and a record that was removed, with the versions from the service', async () => {
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

  it('removes a dataset that was removed at the service, with the newest version that the query store has of it', async () => {
    await project(game().update({ a: '1' }), game().update({ b: '1' }));
    const removal = game().remove();
    expect(await run()).toMatchObject({ repaired: 1 });
    const { rows } = await database.query('SELECT deleted, record_count FROM query.datasets');
    expect(rows).toEqual([{ deleted: true, record_count: 0 }]);
    expect((await storedRecords()).map((row) => row.record_value)).toEqual([null, null]);
    const stored = await database.query('SELECT removed_ms, removed_sync_count FROM projection.datasets');
    expect(stored.rows).toEqual([{ removed_ms: NEW_YEAR + 2, removed_sync_count: 2 }]);

    await project(game().update({ a: 'again' }), removal);
    expect(await live()).toEqual(service.live());
  });

  it('removes the records of a removed dataset, even if they are newer than the row of the dataset', async () => {
    await project(game().update({ a: '1' }));
    game().remove();
    // Simulates a batch of which one of two writes has not been committed yet.
    await database.query('UPDATE projection.datasets SET last_modified_ms = 1, sync_count = 0');
    expect(await run()).toMatchObject({ repaired: 1 });
    expect(await live()).toEqual({});
  });

  it('removes a record that a recreated dataset lacks, with a version just above the stored version', async () => {
    await project(game().update({ a: '1', b: '1' }));
    const removal = game().remove();
    const recreated = game().update({ a: '2' });
    expect(await run()).toMatchObject({ repaired: 1 });
    expect(await storedRecords()).toEqual([
      { record_key: 'a', record_value: '2', last_modified_ms: NEW_YEAR + 3, sync_count: 3 },
      { record_key: 'b', record_value: null, last_modified_ms: NEW_YEAR + 1, sync_count: 3 },
    ]);
    const again = game().update({ b: 'again' });
    await project(again, recreated, removal);
    expect(await live()).toEqual(service.live());
  });

  it('removes a record that a recreated dataset lacks, even if the sync counts restarted', async () => {
    for (const value of ['1', '2', '3']) await project(game().update({ a: value }));
    game().remove(true);
    game().update({ b: '1' });
    expect(await run()).toMatchObject({ repaired: 1 });
    expect(await live()).toEqual(service.live());
  });

  it('repairs a dataset that is removed in the query store and was recreated', async () => {
    await project(game().update({ a: '1' }), game().remove());
    game().update({ b: '2' });
    expect(await run()).toMatchObject({ repaired: 1 });
    expect(await live()).toEqual(service.live());
  });

  it('does not list the records of a dataset that is removed in the service and the query store', async () => {
    await project(game().update({ a: '1' }), game().remove());
    expect(await run()).toMatchObject({ compared: 1, repaired: 0 });
    expect(service.calls).toEqual(['readStreaming', 'listDatasets']);
  });

  it('adds a dataset that the query store does not know, of an identity that it knows', async () => {
    await project(game().update({ a: '1' }));
    service.dataset(IDENTITY, 'another').update({ b: '2' });
    expect(await run()).toMatchObject({ compared: 2, repaired: 1, total: 2 });
    expect(await live()).toEqual(service.live());
  });

  it('does not change other pools', async () => {
    await project(game().update({ a: '1' }));
    await database.query('UPDATE projection.datasets SET identity_pool_id = $1', [OTHER_POOL]);
    game().remove();
    expect(await run()).toMatchObject({ end: 'finished', compared: 0 });
    expect(await live()).not.toEqual({});
  });

  it('removes nothing if the service does not know the pool', async () => {
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

  it('reports that the pool does not stream', async () => {
    const readStreaming = async () => ({ isEnabled: false, streamName: null, roleArn: null });
    expect(await run({}, { api: { ...service.api, readStreaming } })).toMatchObject({
      end: 'finished',
      isStreaming: false,
    });
  });

  it('keeps a record that was written while its dataset was listed', async () => {
    await project(game().update({ a: '1', b: '1' }));
    let listings = 0;
    const listRecords = async (): Promise<RemoteDataset> => {
      const dataset = { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' };
      const listed = await service.api.listRecords(dataset);
      listings += 1;
      if (listings > 1) return listed;
      // The record was on the second page, and was written after the first page was read.
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

  it('keeps a record that was written after its dataset was listed', async () => {
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

  it('skips and reports a dataset that keeps changing', async () => {
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

  it('leaves out records that SQL text cannot store, and repairs the other records', async () => {
    await project(game().update({ a: '1' }));
    game().update({ a: '2', 'b\0': '2', c: 'half \ud800', d: '2' });
    expect(await run()).toMatchObject({ end: 'finished', repaired: 1, leftOut: 2 });
    expect(Object.values(await live())).toEqual(['2', '2']);
  });

  it.each([
    ['refused', new SyncClientError('refused', 'the name is too long')],
    ['value-refused', new ValueRefusedError('the database refused a value')],
  ])('skips and reports a dataset with the error "%s", and continues', async (reason, error) => {
    await fill(3);
    const skipped: unknown[] = [];
    const onSkipped: ReconcileOptions['onSkipped'] = ({ identityId }, why) => skipped.push([identityId, why]);
    const outcome = await run({ onSkipped }, { api: failing(identity(1), 1, error) });
    expect(outcome).toMatchObject({ end: 'finished', compared: 3, repaired: 2, skipped: 1 });
    expect(skipped).toEqual([[identity(1), reason]]);
  });

  it('resumes with the next dataset if it was stopped between two datasets', async () => {
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

  it('resumes in the middle of an identity', async () => {
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

  it('starts from the beginning if restart is requested, or if the last run finished', async () => {
    await fill(2);
    const unavailable = failing(identity(1), 99, new SyncClientError('not-authorized', 'no'));
    expect(await run({}, { api: unavailable })).toMatchObject({
      end: 'not-authorized',
      message: 'no',
      compared: 1,
    });
    clock += 1_000;
    const startedAt = clock;
    expect(await run({ restart: true })).toMatchObject({
      end: 'finished',
      startedAt,
      compared: 2,
      repaired: 1,
    });
    expect(await run()).toMatchObject({ end: 'finished', compared: 2, repaired: 0 });
  });

  it('rejects on an unexpected error, and keeps its progress', async () => {
    await fill(3);
    const broken = failing(identity(1), 1, new Error('no connection'));
    await expect(run({}, { api: broken })).rejects.toThrow('no connection');
    expect(await run()).toMatchObject({ end: 'finished', compared: 3, repaired: 3 });
  });

  it('finishes although another reconciliation started later, and does not change the saved progress of that one', async () => {
    await fill(3);
    let isFirst = true;
    const api: ListingService['api'] = {
      ...service.api,
      listRecords: async (dataset) => {
        if (isFirst) {
          isFirst = false;
          clock += 1_000;
          const unavailable = failing(identity(0), 99, new SyncClientError('not-authorized', 'no'));
          expect(await run({ restart: true }, { api: unavailable })).toMatchObject({ compared: 0 });
        }
        return service.api.listRecords(dataset);
      },
    };
    expect(await run({}, { api })).toMatchObject({ end: 'finished', compared: 3 });
    const { rows } = await database.query('SELECT compared, finished_ms FROM projection.reconciliations');
    expect(rows).toEqual([{ compared: 0, finished_ms: null }]);
  });

  it('retries a throttled call with growing pauses, then stops, and can be resumed', async () => {
    await fill(1);
    const throttled = new SyncClientError('throttled', 'slow down');
    const retried = await run({}, { api: failing(identity(0), 6, throttled) });
    expect(retried).toMatchObject({ end: 'finished', repaired: 1 });
    expect(slept.filter((ms) => ms >= 1_000)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000]);
    game(identity(0)).update({ a: 'again' });
    expect(await run({}, { api: failing(identity(0), 7, throttled) })).toMatchObject({
      end: 'throttled',
      message: 'slow down',
      compared: 0,
    });
    expect(await run()).toMatchObject({ end: 'finished', repaired: 1 });
  });

  it('does not retry after it was stopped', async () => {
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

  it('respects the rate limit, and does not wait for a clock that was set back', async () => {
    await fill(10);
    const calledAt: number[] = [];
    const api: ListingService['api'] = {
      ...service.api,
      listRecords: (dataset) => {
        calledAt.push(clock);
        return service.api.listRecords(dataset);
      },
    };
    await run({}, { api, maxCallsPerSecond: 4 });
    const pauses = calledAt.slice(1).map((time, index) => time - (calledAt[index] ?? 0));
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

  it('marks the gaps (periods whose removals may be missing) of its pool as repaired if they ended before it started', async () => {
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
      gapsRepaired: 0,
    });
    clock += 10;
    const repairedAt = clock + 200;
    expect(await run()).toMatchObject({ end: 'finished', gapsRepaired: 2 });
    const { rows } = await database.query<Record<string, unknown>>(
      'SELECT identity_pool_id, since_ms, mended_ms FROM projection.gaps WHERE mended_ms IS NOT NULL ORDER BY 2',
    );
    expect(rows).toEqual([
      { identity_pool_id: POOL, since_ms: 1, mended_ms: repairedAt },
      { identity_pool_id: POOL, since_ms: 2, mended_ms: repairedAt },
    ]);
    expect(await run()).toMatchObject({ gapsRepaired: 1 });
  });

  it('covers more identities than one page', async () => {
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
