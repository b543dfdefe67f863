import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRunBulkPublish } from '../../../functions/run-bulk-publish.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import { ValueRefusedError } from '../../../lib/common/errors.ts';
import { type Database, DatabaseError, type Transaction } from '../../../lib/database/database.ts';
import { identityRowId } from '../../../lib/database/row-ids.ts';
import { decodeStreamEvent } from '../../../lib/stream/decode-stream-event.ts';
import { type BulkPublishJobOptions, runBulkPublishes } from '../../../lib/sync/jobs/run-bulk-publish.ts';
import type { SyncOperations } from '../../../lib/sync/model.ts';
import type { CognitoStreamsInput } from '../../../lib/sync/pool-model.ts';
import type { BulkPublishJobStore } from '../../../lib/sync/ports/bulk-publish-job-store.ts';
import { createBulkPublishJobStore } from '../../../lib/sync/store/bulk-publish-job-store.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { createStreamingSwitch } from '../../../lib/sync/store/streaming-switch.ts';
import { SERVERS } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { identityOf, insertDatasets } from '../../fixtures/database/many-datasets.ts';
import { createPool, newPool, STREAMING } from '../../fixtures/identity/identity-pools.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, DEVELOPER, drop, put } from '../../fixtures/sync/sync-service.ts';

const DAY = 24 * 60 * 60 * 1000;

/** Wraps a transaction and counts the database pages that its queries of the table sync.outbox read. */
function countPagesOfOutbox(transaction: Transaction): { transaction: Transaction; pages: () => number } {
  let pages = 0;
  return {
    pages: () => pages,
    transaction: {
      async query(sql, values) {
        if (/FROM sync.outbox/.test(sql)) {
          const plan = `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`;
          const { rows } = await transaction.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
            plan,
            values,
          );
          const { 'Shared Hit Blocks': hit = 0, 'Shared Read Blocks': read = 0 } =
            rows[0]?.['QUERY PLAN'][0].Plan ?? {};
          pages += hit + read;
        }
        return transaction.query(sql, values);
      },
    },
  };
}

describe.each(SERVERS)('a bulk publish on $name', ({ open }) => {
  let database: Database;
  let bulkPublishes: BulkPublishJobStore;
  let operations: SyncOperations;
  let clock: { now: number };

  beforeAll(async () => {
    database = await open();
    bulkPublishes = createBulkPublishJobStore(database);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [
      'sync.identity_pools',
      'sync.identities',
      'sync.datasets',
      'sync.records',
      'sync.outbox',
      'sync.payloads',
      'sync.payload_parts',
      'sync.bulk_publishes',
    ]);
    await createPool(database);
    ({ operations, clock } = createSyncService(database));
  });

  let payloads = 0;
  const links = {
    create: () => {
      payloads += 1;
      const payloadId = `00000000-0000-4000-8000-${String(payloads).padStart(12, '0')}`;
      return { payloadId, url: `http://127.0.0.1/payloads/${payloadId}`, expiresAt: NEW_YEAR };
    },
    open: () => null,
  };
  const fail = (_: string, error: unknown): never => {
    throw error;
  };
  const run = (options: Partial<BulkPublishJobOptions> = {}, inlineBytes = 900 * 1024) =>
    runBulkPublishes({
      bulkPublishes,
      offloading: { links, inlineBytes },
      now: () => clock.now,
      onFailure: fail,
      options,
    });
  const start = (IdentityPoolId = POOL) => operations.BulkPublish({ IdentityPoolId }, DEVELOPER);
  const details = (IdentityPoolId = POOL) => operations.GetBulkPublishDetails({ IdentityPoolId }, DEVELOPER);
  const status = async () => (await details()).BulkPublishStatus;
  interface Row {
    event: string;
    partition_key: string;
    stream_name: string;
    bulk_publish_id: string | null;
  }
  const outbox = async () => (await database.query<Row>('SELECT * FROM sync.outbox ORDER BY event')).rows;
  /** Empties the outbox, as the relay does after it has published the events. */
  const empty = () => database.query('DELETE FROM sync.outbox');
  const error = (name: string, message: string) =>
    expect.objectContaining({ code: name, message: expect.stringContaining(message) });

  it('puts an event of each dataset into the outbox, and succeeds when all these events are published', async () => {
    const device = createDevice(operations, { identityId: identityOf(1) });
    await device.update({ ...put('score', '1'), DeviceLastModifiedDate: NEW_YEAR - 7 }, put('old', 'x'));
    clock.now += 10;
    await device.update(drop('old', 1), put('name', 'Ädå'));
    await createDevice(operations, { identityId: identityOf(2), datasetName: 'b' }).update(put('k', ''));
    await empty();
    await start();
    expect(await run()).toEqual({ inProgress: 1, steps: 2, succeeded: 0, failed: 0, interrupted: 0 });

    const rows = await outbox();
    expect(rows.map((row) => row.partition_key)).toEqual([identityOf(1), identityOf(2)]);
    expect(rows.map((row) => row.stream_name)).toEqual(['cognito-sync', 'cognito-sync']);
    const at = NEW_YEAR + 10;
    const second = { syncCount: 2, lastModifiedDate: at, deviceLastModifiedDate: at };
    expect(JSON.parse(rows[0]?.event ?? '')).toEqual({
      identityPoolId: POOL,
      identityId: identityOf(1),
      datasetName: 'game',
      operation: 'replace',
      kinesisSyncRecords: [
        {
          key: 'score',
          value: '1',
          syncCount: 1,
          lastModifiedDate: NEW_YEAR,
          deviceLastModifiedDate: NEW_YEAR - 7,
          op: 'replace',
        },
        { ...second, key: 'name', value: 'Ädå', op: 'replace' },
        { ...second, key: 'old', value: null, op: 'remove' },
      ],
      payloadType: 'Inline',
      lastModifiedDate: NEW_YEAR + 10,
      syncCount: 2,
    });

    expect(await run(), 'waits for the relay').toEqual({
      inProgress: 1,
      steps: 0,
      succeeded: 0,
      failed: 0,
      interrupted: 0,
    });
    expect(await status()).toBe('IN_PROGRESS');
    await empty();
    clock.now += 5_000;
    expect(await run()).toEqual({ inProgress: 1, steps: 0, succeeded: 1, failed: 0, interrupted: 0 });
    expect(await details()).toEqual({
      IdentityPoolId: POOL,
      BulkPublishStartTime: NEW_YEAR + 10,
      BulkPublishCompleteTime: NEW_YEAR + 5_010,
      BulkPublishStatus: 'SUCCEEDED',
      FailureMessage: null,
    });
    expect(await run()).toEqual({ inProgress: 0, steps: 0, succeeded: 0, failed: 0, interrupted: 0 });
  });

  it('publishes no deleted datasets and no datasets of other pools', async () => {
    const device = createDevice(operations);
    await device.update(put('a', '1'));
    await device.remove();
    await insertDatasets(database, 3, await newPool(database, { streams: STREAMING }));
    const again = createDevice(operations);
    await again.update(put('before', '1'));
    await again.remove();
    await again.update(put('after', '1'));
    await empty();
    await start();
    await run();
    const events = (await outbox()).map(({ event }) => decodeStreamEvent(Buffer.from(event)));
    expect(events).toMatchObject([
      {
        dataset: { identityId: again.identity.IdentityId },
        version: { syncCount: 3 },
        records: [{ key: 'after' }],
      },
    ]);
  });

  it('never has more than `maxWaiting` of its events in the outbox, and publishes every dataset once', async () => {
    await insertDatasets(database, 57);
    await start();
    const options = { datasetsPerStep: 7, maxWaiting: 20 };
    const published: string[] = [];
    for (let runs = 0; (await status()) === 'IN_PROGRESS'; runs += 1) {
      expect(runs).toBeLessThan(10);
      await run(options);
      const rows = await outbox();
      expect(rows.length).toBeLessThanOrEqual(20);
      published.push(...rows.map((row) => row.partition_key));
      await empty();
    }
    expect(await status()).toBe('SUCCEEDED');
    expect(published.toSorted()).toEqual(Array.from({ length: 57 }, (_, index) => identityOf(index + 1)));
  });

  it('does not scan the dead rows of its published events in later steps', async () => {
    await insertDatasets(database, 3_000);
    await start();
    const pagesOfSteps: number[] = [];
    const measured = createBulkPublishJobStore({
      ...database,
      transaction: (work) =>
        database.transaction(async (transaction) => {
          const counted = countPagesOfOutbox(transaction);
          const result = await work(counted.transaction);
          pagesOfSteps.push(counted.pages());
          return result;
        }),
    });
    for (let runs = 0; (await status()) === 'IN_PROGRESS'; runs += 1) {
      expect(runs).toBeLessThan(70);
      const offloading = { links, inlineBytes: 900 * 1024 };
      const options = { datasetsPerStep: 100, maxWaiting: 100, timeBudgetMs: -1 };
      await runBulkPublishes({
        bulkPublishes: measured,
        offloading,
        now: () => clock.now,
        onFailure: fail,
        options,
      });
      // PostgreSQL keeps the deleted rows in the table and its indexes until the table is vacuumed.
      await empty();
    }
    // The last steps count all events of the bulk publish to decide whether it has ended. So the test measures
    // an earlier step.
    const late = pagesOfSteps.at(-4);
    expect(late).toBeGreaterThan(0);
    expect(late).toBeLessThan(100);
  });

  it('waits only for its own events, not for other events of the pool', async () => {
    await insertDatasets(database, 2);
    await createDevice(operations).update(put('live', '1'));
    await start();
    await run();
    await database.query('DELETE FROM sync.outbox WHERE bulk_publish_id IS NOT NULL');
    await run();
    expect(await status()).toBe('SUCCEEDED');
    expect(await outbox()).toHaveLength(1);
  });

  it('publishes each dataset once if several runs are concurrent', async () => {
    await insertDatasets(database, 60);
    await start();
    const options = { datasetsPerStep: 5 };
    const outcomes = await Promise.all([run(options), run(options), run(options), run(options)]);
    // Twelve steps found datasets. One more step found that no dataset is left.
    expect(outcomes.reduce((sum, { steps }) => sum + steps, 0)).toBe(13);
    const keys = (await outbox()).map((row) => row.partition_key);
    expect(keys).toHaveLength(60);
    expect(new Set(keys).size).toBe(60);
    await empty();
    expect((await Promise.all([run(), run()])).reduce((sum, { succeeded }) => sum + succeeded, 0)).toBe(1);
  });

  it('continues if the previous run was killed in the middle of a step', async () => {
    await insertDatasets(database, 10);
    await start();
    let steps = 0;
    const failingStore: BulkPublishJobStore = {
      ...bulkPublishes,
      step: (pool, options) =>
        bulkPublishes.step(pool, {
          ...options,
          toEvents: (whole) => {
            steps += 1;
            if (steps === 6) throw new Error('killed');
            return options.toEvents(whole);
          },
        }),
    };
    const offloading = { links, inlineBytes: 900 * 1024 };
    const killed = runBulkPublishes({
      bulkPublishes: failingStore,
      offloading,
      now: () => clock.now,
      onFailure: fail,
      options: { datasetsPerStep: 4 },
    });
    await expect(killed).rejects.toThrow('killed');
    expect(await outbox()).toHaveLength(4);
    await run();
    expect(new Set((await outbox()).map((row) => row.partition_key)).size).toBe(10);
    expect(await outbox()).toHaveLength(10);
  });

  it('offloads large events and stores their payloads', async () => {
    await insertDatasets(database, 2);
    await start();
    await run({}, 300);
    const events = (await outbox()).map(({ event }) => JSON.parse(event));
    expect(events).toMatchObject([{ payloadType: 'S3Url' }, { payloadType: 'S3Url' }]);
    const { rows } = await database.query<{ payload_id: string; body: string; identity_row_id: string }>(
      'SELECT * FROM sync.payloads',
    );
    expect(rows.map((row) => row.identity_row_id).sort()).toEqual(
      events.map(({ identityId }) => identityRowId({ identityPoolId: POOL, identityId })).sort(),
    );
    const bodies = new Map(
      rows.map((row) => [`http://127.0.0.1/payloads/${row.payload_id}`, JSON.parse(row.body)]),
    );
    for (const { kinesisSyncRecordsURL } of events)
      expect(bodies.get(kinesisSyncRecordsURL)).toMatchObject([
        { key: 'score' },
        { key: 'name' },
        { key: 'gone' },
      ]);
  });

  it('takes fewer datasets per step if the datasets are large', async () => {
    for (const identity of [1, 2, 3]) {
      const device = createDevice(operations, { identityId: identityOf(identity) });
      await device.update(...['a', 'b'].map((key) => put(key, 'x'.repeat(500_000))));
    }
    // Sets the stored size of each dataset to nearly 2 MiB.
    await database.query('UPDATE sync.datasets SET data_storage = 2096000');
    await empty();
    await start();
    expect(await run({ timeBudgetMs: -1 })).toMatchObject({ steps: 1 });
    expect(await outbox()).toHaveLength(2);
    await run();
    expect(await outbox()).toHaveLength(3);
  });

  /** Runs the bulk publish to its end, and publishes all events after each run. @returns the published records */
  const publishAll = async () => {
    const published: { identity: string; key: string }[] = [];
    for (let runs = 0; (await status()) === 'IN_PROGRESS'; runs += 1) {
      expect(runs).toBeLessThan(20);
      await run({ timeBudgetMs: -1 });
      const bodies = await database.query<{ person: string; body: string }>(
        `/* test */ SELECT outbox.partition_key AS person, payloads.body || coalesce(string_agg(parts.body, '' ORDER BY part), '') AS body
         FROM sync.outbox JOIN sync.payloads ON payloads.outbox_id = outbox.outbox_id
         LEFT JOIN sync.payload_parts AS parts ON parts.payload_id = payloads.payload_id
         GROUP BY outbox.outbox_id, payloads.payload_id`,
      );
      for (const { person: identity, body } of bodies.rows)
        published.push(...JSON.parse(body).map(({ key }: { key: string }) => ({ identity, key })));
      await deleteRows(database, ['sync.outbox', 'sync.payloads', 'sync.payload_parts']);
    }
    return published;
  };

  it('counts the bytes of the events, which have up to six bytes per byte of a record', async () => {
    for (const identity of [1, 2, 3, 4, 5, 6])
      await createDevice(operations, { identityId: identityOf(identity) }).update(
        put('a', '\u0001'.repeat(600_000)),
      );
    await deleteRows(database, ['sync.outbox', 'sync.payloads', 'sync.payload_parts']);
    await start();
    const published = await publishAll();
    expect(await status()).toBe('SUCCEEDED');
    expect(published.map(({ identity }) => identity)).toEqual([1, 2, 3, 4, 5, 6].map(identityOf));
  });

  it('continues within a dataset whose events are too large for one step', async () => {
    for (const identity of [1, 2]) {
      const device = createDevice(operations, { identityId: identityOf(identity) });
      await device.update(put('a', '1'));
    }
    // 12,000 tombstones with keys of 257 bytes, of which 250 take six bytes each in JSON.
    await database.query(
      `INSERT INTO sync.records (dataset_id, record_id, record_key, record_value, sync_count, last_modified_ms, last_modified_by)
       SELECT dataset_id, md5(identity_id || place)::uuid, lpad(place::text, 7, '0') || repeat(chr(1), 250), NULL,
         1 + place % 2, 0, 'device'
       FROM sync.datasets, generate_series(1, 12000) AS place`,
    );
    await database.query('UPDATE sync.datasets SET sync_count = 2, key_bytes = 3084000, row_count = 12001');
    await deleteRows(database, ['sync.outbox']);
    await start();
    const published = await publishAll();
    expect(await status()).toBe('SUCCEEDED');
    const names = new Set(published.map(({ identity, key }) => `${identity} ${key}`));
    expect([published.length, names.size]).toEqual([24_002, 24_002]);
  });

  it('does not delay other pools if the bulk publish of a pool fails', async () => {
    const other = await newPool(database, { streams: STREAMING });
    await insertDatasets(database, 2);
    await insertDatasets(database, 2, other);
    await start();
    clock.now += 1;
    await start(other);
    const failing = (error: Error): BulkPublishJobStore => ({
      ...bulkPublishes,
      step: (pool, options) =>
        bulkPublishes.step(pool, {
          ...options,
          toEvents: (whole) => {
            if (pool === POOL) throw error;
            return options.toEvents(whole);
          },
        }),
    });
    const failures: unknown[] = [];
    const runOn = (store: BulkPublishJobStore) =>
      runBulkPublishes({
        bulkPublishes: store,
        offloading: { links, inlineBytes: 900 * 1024 },
        now: () => clock.now,
        onFailure: (pool, error) => failures.push([pool, error]),
      });
    const outage = new DatabaseError('the connection ended', '08006');
    expect(await runOn(failing(outage))).toMatchObject({ interrupted: 1, steps: 2, failed: 0 });
    expect(failures).toEqual([[POOL, outage]]);
    expect([await status(), (await outbox()).length]).toEqual(['IN_PROGRESS', 2]);

    const refused = new ValueRefusedError('the database refused a value (SQLSTATE 54000)');
    expect(await runOn(failing(refused))).toMatchObject({ interrupted: 0, failed: 1 });
    expect(await details()).toMatchObject({
      BulkPublishStatus: 'FAILED',
      FailureMessage: 'a dataset cannot be published: the database refused a value (SQLSTATE 54000)',
    });
    expect((await details(other)).BulkPublishStatus).toBe('IN_PROGRESS');
  });

  it('takes fewer datasets per step if the datasets have many tombstones', async () => {
    for (const identity of [1, 2, 3]) {
      const device = createDevice(operations, { identityId: identityOf(identity) });
      const keys = Array.from({ length: 1_000 }, (_, index) => `${index}`.padEnd(1_000));
      await device.update(...keys.map((key) => put(key, '')));
      await device.update(...keys.map((key) => drop(key, 1)));
    }
    // Sets the stored size of the keys. With the size of its rows, each dataset then counts as nearly 2 MiB.
    await database.query('UPDATE sync.datasets SET key_bytes = 1900000');
    await empty();
    await start();
    expect(await run({ timeBudgetMs: -1 })).toMatchObject({ steps: 1 });
    expect(await outbox()).toHaveLength(2);
  });

  it('fails after its last event is published if the stream rejected another event; can be started again immediately', async () => {
    await insertDatasets(database, 3);
    await start();
    await run();
    await database.query("UPDATE sync.outbox SET parked_reason = 'refused' WHERE partition_key = $1", [
      identityOf(2),
    ]);
    await run();
    expect(await status()).toBe('IN_PROGRESS');
    await database.query('DELETE FROM sync.outbox WHERE parked_reason IS NULL');
    expect(await run()).toMatchObject({ failed: 1 });
    expect(await details()).toMatchObject({
      BulkPublishStatus: 'FAILED',
      BulkPublishCompleteTime: null,
      FailureMessage: 'the stream permanently rejected 1 events',
    });
    clock.now += 1;
    await start();
    expect(await details()).toMatchObject({
      BulkPublishStatus: 'IN_PROGRESS',
      BulkPublishStartTime: NEW_YEAR + 1,
      FailureMessage: null,
    });
    await run();
    expect((await outbox()).length, 'the parked event and three new ones').toBe(4);
  });

  it('fails and states the reason if the service disabled streaming', async () => {
    await insertDatasets(database, 3);
    await start();
    await createStreamingSwitch(database).disable('cognito-sync', 'stream cognito-sync does not exist');
    expect(await run()).toMatchObject({ steps: 0, failed: 1 });
    expect((await details()).FailureMessage).toBe(
      'streaming was disabled before all events were published: stream cognito-sync does not exist',
    );
    await expect(start()).rejects.toEqual(error('InvalidParameterException', 'is not enabled'));
  });

  describe('when the pool’s streaming changes', () => {
    const set = (CognitoStreams: CognitoStreamsInput) =>
      operations.SetIdentityPoolConfiguration({ IdentityPoolId: POOL, CognitoStreams }, DEVELOPER);
    const changes: [string, CognitoStreamsInput[]][] = [
      ['switches to another stream', [{ StreamName: 's2' }]],
      ['is disabled', [{ StreamingStatus: 'DISABLED' }]],
      ['is disabled and enabled again', [{ StreamingStatus: 'DISABLED' }, { StreamingStatus: 'ENABLED' }]],
      ['switches to another stream and back', [{ StreamName: 's2' }, { StreamName: 'cognito-sync' }]],
    ];
    it.each(changes)('fails immediately if streaming %s, and can be started again', async (_, inputs) => {
      await insertDatasets(database, 3);
      await start();
      expect(await run({ datasetsPerStep: 1, timeBudgetMs: -1 })).toMatchObject({ steps: 1 });
      for (const input of inputs) await set(input);
      expect(await details()).toMatchObject({
        BulkPublishStatus: 'FAILED',
        BulkPublishCompleteTime: null,
        FailureMessage: 'streaming was changed during the bulk publish',
      });
      expect(await run()).toMatchObject({ inProgress: 0 });
      expect(await outbox(), 'events that are already in the outbox are kept').toMatchObject([
        { stream_name: 'cognito-sync' },
      ]);
      await empty();
      const { CognitoStreams } = await set({ StreamingStatus: 'ENABLED' });
      await start();
      await run();
      expect((await outbox()).map((row) => row.stream_name)).toEqual(
        Array(3).fill(CognitoStreams?.StreamName),
      );
      await empty();
      await run();
      expect(await status()).toBe('SUCCEEDED');
    });

    it('continues if only settings other than streaming change', async () => {
      await start();
      await set({ StreamName: 'cognito-sync', StreamingStatus: 'ENABLED' });
      await set({ RoleArn: 'arn:aws:iam::000000000000:role/sync' });
      const PushSync = { ApplicationArns: [] };
      await operations.SetIdentityPoolConfiguration({ IdentityPoolId: POOL, PushSync }, DEVELOPER);
      await operations.SetCognitoEvents({ IdentityPoolId: POOL, Events: { SyncTrigger: '' } }, DEVELOPER);
      expect(await status()).toBe('IN_PROGRESS');
    });

    it('does not change bulk publishes that have ended or that belong to other pools', async () => {
      await start();
      await run();
      await run();
      const other = await newPool(database, { streams: STREAMING });
      await start(other);
      await set({ StreamName: 's2' });
      expect(await status()).toBe('SUCCEEDED');
      expect((await details(other)).BulkPublishStatus).toBe('IN_PROGRESS');
    });

    it('continues if the change of streaming is rejected', async () => {
      await start();
      const pools = createPoolStore(database);
      const pool = await pools.readPool(POOL);
      if (pool === null) throw new Error('no pool');
      const streams = { ...STREAMING, streamName: 's2' };
      expect(await pools.changePool({ ...pool, streams, revision: 0 })).toBe(false);
      expect(await status()).toBe('IN_PROGRESS');
    });

    it('fails even if streaming was disabled by the service and enabled again before the next step', async () => {
      await start();
      await createStreamingSwitch(database).disable('cognito-sync', 'stream cognito-sync does not exist');
      await set({ StreamingStatus: 'ENABLED' });
      expect(await status()).toBe('FAILED');
    });

    it('publishes all its events to a single stream, in any order of concurrent calls', {
      timeout: 60_000,
    }, async () => {
      await insertDatasets(database, 8);
      for (let round = 0; round < 15; round += 1) {
        const options = { datasetsPerStep: 1 };
        await Promise.allSettled([
          start(),
          run(options),
          set({ StreamName: `s${round}` }),
          run(options),
          start(),
          run(options),
        ]);
        // The change of streaming may have ended all bulk publishes of this round before they wrote an event.
        await start().catch(() => undefined);
        await run(options);
      }
      const { rows } = await database.query<{ streams: number }>(
        'SELECT count(DISTINCT stream_name) AS streams FROM sync.outbox GROUP BY bulk_publish_id',
      );
      expect(rows.length).toBeGreaterThan(0);
      expect(new Set(rows.map(({ streams }) => streams))).toEqual(new Set([1]));
    });

    it('starts only after a concurrent change of streaming has committed, and uses the new stream', async () => {
      const pools = createPoolStore(database);
      const pool = await pools.readPool(POOL);
      if (pool === null) throw new Error('no pool');
      await insertDatasets(database, 2);
      const steps: Promise<unknown>[] = [];
      /** Starts a bulk publish just after the transaction that changes streaming has read sync.bulk_publishes. */
      const slow: Database = {
        ...database,
        transaction: (work) =>
          database.transaction((transaction) =>
            work({
              async query(sql, values) {
                const result = await transaction.query(sql, values);
                if (sql.includes('bulk_publishes') && steps.length === 0) {
                  const started = bulkPublishes.begin(POOL, NEW_YEAR, null);
                  steps.push(started.then(() => run({ datasetsPerStep: 1, timeBudgetMs: -1 })));
                  await new Promise((resolve) => setTimeout(resolve, 100));
                }
                return result as never;
              },
            }),
          ),
      };
      const streams = { ...STREAMING, streamName: 's2' };
      expect(await createPoolStore(slow).changePool({ ...pool, streams })).toBe(true);
      await Promise.all(steps);
      await run();
      expect((await outbox()).map((row) => row.stream_name)).toEqual(['s2', 's2']);
    });
  });

  it('starts only if no other bulk publish is in progress, and at the earliest a day after a success', async () => {
    const outcomes = await Promise.allSettled([start(), start(), start()]);
    expect(outcomes.map((outcome) => outcome.status).toSorted()).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    await expect(start()).rejects.toEqual(error('DuplicateRequestException', 'is in progress'));
    await run();
    await run();
    expect(await status()).toBe('SUCCEEDED');
    clock.now += DAY - 1;
    await expect(start()).rejects.toEqual(error('AlreadyStreamedException', 'less than 24 hours ago'));
    clock.now += 1;
    await start();
    expect(await status()).toBe('IN_PROGRESS');
  });

  it('can start after the clock was set back, with a later start time than the previous bulk publish', async () => {
    clock.now += DAY;
    await start();
    await run();
    const first = (await details()).BulkPublishStartTime ?? 0;
    clock.now -= DAY;
    await start();
    expect(await status()).toBe('IN_PROGRESS');
    expect((await details()).BulkPublishStartTime).toBeGreaterThan(first);
  });

  it('is allowed only to developers, for existing pools that stream', async () => {
    const bare = await newPool(database);
    const identity = { kind: 'identity' as const, identityPoolId: POOL, identityId: identityOf(1) };
    const notAuthorized = error('NotAuthorizedException', 'not valid');
    await expect(operations.BulkPublish({ IdentityPoolId: POOL }, identity)).rejects.toEqual(notAuthorized);
    await expect(operations.GetBulkPublishDetails({ IdentityPoolId: POOL }, identity)).rejects.toEqual(
      notAuthorized,
    );
    await expect(start(bare)).rejects.toEqual(error('InvalidParameterException', 'is not enabled'));
    const notFound = error('ResourceNotFoundException', "IdentityPool 'us-east-1:0' not found");
    await expect(start('us-east-1:0')).rejects.toEqual(notFound);
    await expect(details('us-east-1:0')).rejects.toEqual(notFound);
    expect(await details(bare)).toEqual({
      IdentityPoolId: bare,
      BulkPublishStartTime: null,
      BulkPublishCompleteTime: null,
      BulkPublishStatus: 'NOT_STARTED',
      FailureMessage: null,
    });
  });

  it('is run by the Lambda function, which logs the bulk publishes that ended', async () => {
    const logger = createLogger('run-bulk-publish');
    const logged = { info: vi.spyOn(logger, 'info'), error: vi.spyOn(logger, 'error') };
    const handler = createRunBulkPublish({
      bulkPublishes,
      offloading: { links, inlineBytes: 900 * 1024 },
      logger,
    });
    const invoke = () => handler({}, createLambdaContext('run-bulk-publish', 'us-east-1'));
    expect(await invoke()).toMatchObject({ inProgress: 0 });
    await insertDatasets(database, 1);
    await start();
    expect(await invoke()).toMatchObject({ succeeded: 0 });
    expect(logged.info).not.toHaveBeenCalled();
    await empty();
    expect(await invoke()).toMatchObject({ succeeded: 1 });
    expect(logged.info).toHaveBeenCalledOnce();
    clock.now += DAY;
    await database.query('UPDATE sync.bulk_publishes SET completed_ms = 0');
    await start();
    await createStreamingSwitch(database).disable('cognito-sync', 'gone');
    await invoke();
    expect(logged.error).toHaveBeenCalledOnce();
  });
});
