import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database, Transaction } from '../../../lib/database/database.ts';
import { datasetId, identityIdHash, recordId } from '../../../lib/database/row-ids.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import type { SyncDependencies } from '../../../lib/sync/dependencies.ts';
import type { Limits } from '../../../lib/sync/limits.ts';
import type { RecordPatch } from '../../../lib/sync/model.ts';
import type { FillingDataset } from '../../../lib/sync/row-limits.ts';
import { createSessionTokens } from '../../../lib/sync/session-token.ts';
import { LOCK_DATASET } from '../../../lib/sync/store/dataset-write-statements.ts';
import { READ_SNAPSHOT } from '../../../lib/sync/store/sync-statements.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { readOutboxEvents } from '../../fixtures/database/outbox-rows.ts';
import { createPool, newPool, STREAMING } from '../../fixtures/identity/identity-pools.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, DEVELOPER, drop, put } from '../../fixtures/sync/sync-service.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const conflict = (key: string, is: number, not: number) =>
  expect.objectContaining({
    code: 'ResourceConflictException',
    message: `Current SyncCount for: ${key} is: ${is} not: ${not}`,
  });
const SYNC_TRIGGER = 'arn:aws:lambda:us-east-1:000000000000:function:trigger';

describe.each(SERVICE_DATABASES)('an update of a listed dataset on $name', ({ open }) => {
  let database: Database;
  let device: ReturnType<typeof createDevice>;
  /** The statements that the services of `elsewhere` sent. */
  let statements: string[];

  beforeAll(async () => {
    database = await open();
    await createPool(database);
  });
  afterAll(() => database.close());
  beforeEach(() => {
    statements = [];
    device = createDevice(createSyncService(database).operations);
  });

  function recorded(): Database {
    const record = (on: Transaction): Transaction => ({
      query(sql, values) {
        statements.push(sql);
        return on.query(sql, values);
      },
    });
    return {
      ...database,
      ...record(database),
      transaction: (work) => database.transaction((transaction) => work(record(transaction))),
    };
  }

  /** Returns a device of the same identity at a new process of the service, whose caches are empty. */
  const elsewhere = (limits: Partial<Limits> = {}, more: Partial<SyncDependencies> = {}) =>
    createDevice(createSyncService(recorded(), limits, undefined, more).operations, {
      identityId: device.identity.IdentityId,
    });

  /** Runs an update. Returns the number of its statements, and how many of them read a snapshot of the dataset. */
  async function count(update: () => Promise<unknown>): Promise<{ statements: number; snapshots: number }> {
    statements.length = 0;
    await update();
    return {
      statements: statements.length,
      snapshots: statements.filter((sql) => sql === READ_SNAPSHOT).length,
    };
  }
  const oneTrip = () => ({
    statements: database.dialect === 'dsql' ? expect.any(Number) : 1,
    snapshots: 0,
  });

  const key = () => ({
    identityPoolId: POOL,
    identityId: device.identity.IdentityId,
    datasetName: 'game',
  });

  /** Returns the stored sizes of the dataset, after checking that they are those of its records. */
  async function sizes() {
    const { rows } = await database.query(
      'SELECT data_storage, record_count, row_count, key_bytes FROM sync.datasets WHERE dataset_id = $1',
      [datasetId(key())],
    );
    const { rows: counted } = await database.query(
      `SELECT coalesce(sum(octet_length(record_key) + octet_length(record_value)), 0)::bigint AS data_storage,
         count(record_value) AS record_count, count(*) AS row_count,
         coalesce(sum(octet_length(record_key)), 0)::bigint AS key_bytes
       FROM sync.records JOIN sync.datasets USING (dataset_id)
       WHERE dataset_id = $1 AND records.sync_count > deleted_sync_count`,
      [datasetId(key())],
    );
    expect(rows).toEqual(counted);
    return rows[0];
  }

  /** Expects an update to fail. Neither the dataset nor the outbox may change, and the token must stay valid. */
  async function expectRefused(
    on: ReturnType<typeof createDevice>,
    patches: RecordPatch[],
    error: unknown,
  ): Promise<void> {
    const state = async () => [
      await device.list().then(({ SyncSessionToken: _, ...listed }) => listed),
      await sizes(),
      await readOutboxEvents(database, device.identity.IdentityId),
    ];
    const before = await state();
    const token = await on.token();
    await expect(on.updateWith(token, ...patches)).rejects.toEqual(error);
    expect(await state()).toEqual(before);
    const { DatasetSyncCount } = await device.list();
    const first = before[0] as Awaited<ReturnType<typeof device.list>>;
    const known = first.Records[0]?.Key ?? '';
    await on.updateWith(token, drop(known, DatasetSyncCount));
  }

  it('takes one statement, for known and new keys, replacements and removals, in a process that wrote nothing', async () => {
    await device.update(put('a', '1'), put('é', '22'), put('gone', '3'), put('same', ''));
    await device.update(drop('gone', 1));
    const other = elsewhere();
    const token = await other.token();
    const patches = [put('a', '1é', 1), drop('é', 2), put('gone', '\u{1F600}', 2), put('new', '5', 0)];
    expect(await count(() => other.updateWith(token, ...patches))).toEqual(oneTrip());
    const { Records, DatasetSyncCount, LastModifiedBy } = await device.list();
    expect([DatasetSyncCount, LastModifiedBy]).toEqual([3, '000000000000']);
    expect(new Map(Records.map(({ Key, Value, SyncCount }) => [Key, [Value, SyncCount]]))).toEqual(
      new Map([
        ['same', ['', 1]],
        ['a', ['1é', 3]],
        ['é', [null, 3]],
        ['gone', ['\u{1F600}', 3]],
        ['new', ['5', 3]],
      ]),
    );
    expect(await sizes()).toEqual({ data_storage: 20, record_count: 4, row_count: 5, key_bytes: 14 });
    expect((await device.describe()).Dataset).toMatchObject({
      CreationDate: NEW_YEAR,
      LastModifiedDate: NEW_YEAR + 2,
    });
    const events = await readOutboxEvents(database, device.identity.IdentityId);
    expect(events.at(-1)).toMatchObject({ syncCount: 3, lastModifiedDate: NEW_YEAR + 2 });
    await expect(other.updateWith(token, put('a', 'again', 3))).rejects.toEqual(
      code('InvalidParameterException'),
    );
  });

  it('adds to the storage usage of the pool what it adds to the size of the dataset', async () => {
    const usage = async () =>
      Number(
        (
          await database.query<{ sum: number }>(
            'SELECT sum(data_storage)::bigint AS sum FROM sync.pool_usage WHERE identity_pool_id = $1',
            [POOL],
          )
        ).rows[0]?.sum,
      );
    await device.update(put('a', '12345'));
    const before = await usage();
    await device.update(put('a', '1', 1), put('b', '23'));
    expect((await usage()) - before).toBe(-4 + 3);
  });

  it('with a session token of an earlier version of the dataset is decided from the current state', async () => {
    await device.update(put('a', '1'));
    const other = elsewhere();
    const tokens = [await other.token(), await other.token(), await other.token()];
    await device.update(put('b', '2'));
    expect(await count(() => other.updateWith(tokens[0] ?? '', put('a', '3', 1)))).toMatchObject({
      snapshots: 1,
    });
    await expect(other.updateWith(tokens[1] ?? '', put('a', '4', 1))).rejects.toEqual(conflict('a', 3, 1));
    await device.remove();
    await other.updateWith(tokens[2] ?? '', put('a', '5', 0));
    expect(await device.list()).toMatchObject({ DatasetSyncCount: 5, Records: [{ Key: 'a', Value: '5' }] });
    await sizes();
  });

  it('with a session token of an older version of the service, which names no dataset version, takes no lock', async () => {
    await device.update(put('a', '1'));
    const tokens = createSessionTokens({
      keys: [Buffer.alloc(32, 7)],
      now: () => NEW_YEAR,
      randomId: randomUUID,
    });
    const old = tokens.issue({ ...tokens.begin(null), version: undefined }, key());
    const other = elsewhere();
    expect(await count(() => other.updateWith(old, put('a', '2', 1)))).toMatchObject({ snapshots: 1 });
    expect(statements).not.toContain(LOCK_DATASET);
    expect(await device.list()).toMatchObject({ DatasetSyncCount: 2, Records: [{ Value: '2' }] });
  });

  it('is rejected if the count of a patch is stale or above the sync count of the dataset', async () => {
    await device.update(put('a', '1'));
    await device.update(put('b', '2'));
    await expectRefused(elsewhere(), [put('a', '3', 2), put('b', '3', 1)], conflict('b', 2, 1));
    await expectRefused(elsewhere(), [put('a', '3', 4)], code('InvalidParameterException'));
  });

  const LIMIT = code('LimitExceededException');
  it.each<[string, Partial<Limits>, RecordPatch[], RecordPatch[]]>([
    ['records', { recordsPerDataset: 3 }, [put('c', ''), drop('a', 1), put('d', '')], [put('e', '')]],
    ['bytes', { datasetBytes: 9 }, [put('a', '1234', 1), put('c', '5')], [put('a', '12345', 1)]],
    ['rows', { rowsPerDataset: 3 }, [put('c', ''), drop('a', 1)], [put('d', '')]],
    ['bytes of keys', { keyBytesPerDataset: 5 }, [put('ké', ''), drop('a', 1)], [put('é', '')]],
  ])(
    'reaches the limit on %s with one statement, and is rejected above it',
    async (_, limits, full, above) => {
      await device.update(put('a', '1'), put('b', '2'));
      const limited = elsewhere(limits);
      const token = await limited.token();
      expect(await count(() => limited.updateWith(token, ...full))).toEqual(oneTrip());
      await expectRefused(
        limited,
        above.map((patch) => ({ ...patch, SyncCount: 2 })),
        LIMIT,
      );
    },
  );

  it('may shrink a dataset that is above a lowered limit, and replace records without new rows', async () => {
    await device.update(put('a', '1'), put('b', '2'), put('c', '3'));
    const lowered = elsewhere({
      recordsPerDataset: 1,
      datasetBytes: 1,
      rowsPerDataset: 1,
      keyBytesPerDataset: 1,
    });
    const token = await lowered.token();
    expect(await count(() => lowered.updateWith(token, put('a', '', 1), drop('b', 1)))).toEqual(oneTrip());
    await sizes();
    await expectRefused(lowered, [put('a', 'long', 2)], LIMIT);
  });

  it('may remove a key that has no row; this removal is left out of the event', async () => {
    await device.update(put('a', '1'));
    const { Records } = await elsewhere().update(put('a', '2', 1), drop('never'));
    expect(Records).toMatchObject([{ SyncCount: 2 }, { Key: 'never', SyncCount: 2 }]);
    expect(await sizes()).toMatchObject({ row_count: 1 });
    const events = await readOutboxEvents(database, device.identity.IdentityId);
    expect(events.at(-1)).toMatchObject({ kinesisSyncRecords: [{ key: 'a' }] });
  });

  it('leaves the records of concurrent updates of the same version in the order of their sync counts', async () => {
    await device.update(put('a', '1'));
    const devices = Array.from({ length: 6 }, () => elsewhere());
    const tokens = await Promise.all(devices.map((each) => each.token()));
    const results = await Promise.all(
      devices.map((each, index) => each.updateWith(tokens[index] ?? '', put(`own ${index}`, 'x'))),
    );
    const counts = results.map(({ Records }) => Records[0]?.SyncCount ?? 0);
    expect(counts.toSorted()).toEqual([2, 3, 4, 5, 6, 7]);
    expect(await sizes()).toMatchObject({ record_count: 7 });

    const rivals = await Promise.all(devices.map((each) => each.token()));
    const outcomes = await Promise.allSettled(
      devices.map((each, index) => each.updateWith(rivals[index] ?? '', put('a', `by ${index}`, 1))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toEqual(conflict('a', 8, 1));
  });

  it('is decided from the current state if the dataset was restored and reached the same count with another date', async () => {
    await device.update(put('a', '1'));
    const other = elsewhere();
    const [first, second] = [await other.token(), await other.token()];
    // Simulates a restored backup, after which another change led to the same sync count with another date.
    await database.query(
      'UPDATE sync.datasets SET last_modified_ms = last_modified_ms + 7 WHERE dataset_id = $1',
      [datasetId(key())],
    );
    await database.query(
      'UPDATE sync.records SET record_value = NULL, sync_count = 1 WHERE dataset_id = $1',
      [datasetId(key())],
    );
    await database.query(
      'UPDATE sync.datasets SET data_storage = 0, record_count = 0 WHERE dataset_id = $1',
      [datasetId(key())],
    );
    expect(await count(() => other.updateWith(first, put('a', '22', 1)))).toMatchObject({ snapshots: 1 });
    expect(await sizes()).toMatchObject({ record_count: 1, data_storage: 3 });
    expect((await device.describe()).Dataset.LastModifiedDate).toBe(NEW_YEAR + 8);
    await expect(other.updateWith(second, put('a', '3', 1))).rejects.toEqual(conflict('a', 2, 1));
  });

  it('counts the rows of a dataset that an older version of the service wrote last', async () => {
    await device.update(put('a', '1'), put('b', '2'));
    await database.query(
      'UPDATE sync.datasets SET row_count = NULL, key_bytes = NULL, counted_sync_count = NULL WHERE dataset_id = $1',
      [datasetId(key())],
    );
    const other = elsewhere();
    expect(await count(() => other.update(put('c', '3')))).toMatchObject({ snapshots: 1 });
    expect(await sizes()).toMatchObject({ row_count: 3 });
  });

  it('treats rows from before the deletion of the dataset as missing', async () => {
    await device.update(put('a', '1'));
    await device.remove();
    await device.update(put('b', '2'));
    await database.query(
      `INSERT INTO sync.records (dataset_id, record_id, record_key, record_value, sync_count, last_modified_ms, last_modified_by)
       VALUES ($1, $2, 'left', 'behind', 2, 1, 'writer')`,
      [datasetId(key()), recordId('left')],
    );
    const other = elsewhere();
    const token = await other.token();
    expect(await count(() => other.updateWith(token, put('left', 'new', 0)))).toEqual(oneTrip());
    expect(await sizes()).toMatchObject({ record_count: 2, row_count: 2, data_storage: 9 });
  });

  it('publishes to the current stream of the pool, and nothing if streaming is disabled', async () => {
    const pool = await newPool(database, { streams: { ...STREAMING, streamName: 'first' } });
    const streams = async () =>
      (
        await database.query<{ stream_name: string }>(
          'SELECT stream_name FROM sync.outbox WHERE partition_key = $1 ORDER BY created_at',
          [device.identity.IdentityId],
        )
      ).rows.map((row) => row.stream_name);
    const { operations } = createSyncService(database);
    const dataset = { ...device.dataset, IdentityPoolId: pool };
    const update = async (SyncCount: number, Value = `${SyncCount}`) => {
      const { SyncSessionToken = '' } = await operations.ListRecords(dataset, DEVELOPER);
      const RecordPatches = [put('a', Value, SyncCount)];
      await operations.UpdateRecords({ ...dataset, SyncSessionToken, RecordPatches }, DEVELOPER);
    };
    const setStream = (name: string, status = 'ENABLED') =>
      database.query(
        'UPDATE sync.identity_pools SET stream_name = $1, streaming_status = $2 WHERE identity_pool_id = $3',
        [name, status, pool],
      );
    await update(0);
    await setStream('other');
    await update(1);
    await update(2, 'x'.repeat(950_000));
    await setStream('other', 'DISABLED');
    await update(3);
    expect(await streams()).toEqual(['first', 'other', 'other']);
    const { rows: payloads } = await database.query(
      'SELECT octet_length(body) > 500000 AS is_part FROM sync.payloads JOIN sync.outbox USING (outbox_id) WHERE partition_key = $1',
      [device.identity.IdentityId],
    );
    expect(payloads).toEqual([{ is_part: true }]);
  });

  it('is rejected if the pool or the identity was deleted after the listing', async () => {
    const pool = await newPool(database);
    const { operations } = createSyncService(database);
    const dataset = { ...device.dataset, IdentityPoolId: pool };
    const list = async () => (await operations.ListRecords(dataset, DEVELOPER)).SyncSessionToken;
    const update = (SyncSessionToken: string, Value: string) =>
      operations.UpdateRecords(
        { ...dataset, SyncSessionToken, RecordPatches: [put('a', Value, 1)] },
        DEVELOPER,
      );
    const created = [put('a', '1')];
    await operations.UpdateRecords(
      { ...dataset, SyncSessionToken: await list(), RecordPatches: created },
      DEVELOPER,
    );
    const token = await list();
    await createIdentityStore(database).markDeleted(pool, 1);
    await expect(update(token, '2')).rejects.toEqual(code('ResourceNotFoundException'));

    await device.update(put('a', '1'));
    const other = elsewhere();
    const listed = await other.token();
    await database.query(
      `INSERT INTO sync.deleted_identities (id_hash, root_hash, identity_pool_id, identity_id, deleted_ms)
       VALUES ($1, $1, $2, $3, 1)`,
      [identityIdHash(device.identity.IdentityId), POOL, device.identity.IdentityId],
    );
    await expect(other.updateWith(listed, put('a', '2', 1))).rejects.toEqual(
      code('ResourceNotFoundException'),
    );
    expect(await sizes()).toMatchObject({ data_storage: 2 });
  });

  it('reports once that the dataset reaches 80 % of its rows', async () => {
    const reported: FillingDataset[] = [];
    const filling = elsewhere({ rowsPerDataset: 5 }, { onFilling: (dataset) => reported.push(dataset) });
    await filling.update(put('a', ''));
    await filling.update(put('b', ''), put('c', ''));
    expect(reported).toEqual([]);
    await filling.update(put('d', ''));
    expect(reported).toEqual([
      { ...key(), rowCount: 4, keyBytes: 4, rowsPerDataset: 5, keyBytesPerDataset: 4194304 },
    ]);
    await filling.update(put('e', ''));
    expect(reported).toHaveLength(1);
  });

  it('by an identity takes one statement if the pool has no sync trigger, and runs a trigger that is set later', async () => {
    const identityId = device.identity.IdentityId;
    const pool = await newPool(database);
    const caller = { kind: 'identity', identityPoolId: pool, identityId } as const;
    let runs = 0;
    const { operations } = createSyncService(recorded(), {}, undefined, {
      async invokeFunction(_arn, event) {
        runs += 1;
        return event;
      },
    });
    const dataset = { ...device.dataset, IdentityPoolId: pool };
    const list = async () => (await operations.ListRecords(dataset, caller)).SyncSessionToken;
    const update = (SyncSessionToken: string, SyncCount: number) =>
      operations.UpdateRecords(
        { ...dataset, SyncSessionToken, RecordPatches: [put('a', `${SyncCount}`, SyncCount)] },
        caller,
      );
    const setTrigger = (arn: string | null) =>
      database.query('UPDATE sync.identity_pools SET sync_trigger = $1 WHERE identity_pool_id = $2', [
        arn,
        pool,
      ]);
    await update(await list(), 0);
    const first = await list();
    expect(await count(() => update(first, 1))).toEqual(oneTrip());
    const second = await list();
    await setTrigger(SYNC_TRIGGER);
    await update(second, 2);
    await update(await list(), 3);
    expect(runs).toBe(2);
    await setTrigger(null);
    await update(await list(), 4);
    const last = await list();
    expect(await count(() => update(last, 5))).toEqual(oneTrip());
    expect(runs).toBe(2);
  });

  it('through a sync trigger reads the dataset once', async () => {
    const identityId = device.identity.IdentityId;
    const pool = await newPool(database, { syncTrigger: SYNC_TRIGGER });
    const caller = { kind: 'identity', identityPoolId: pool, identityId } as const;
    const { operations } = createSyncService(recorded(), {}, undefined, {
      invokeFunction: async (_arn, event) => event,
    });
    const dataset = { ...device.dataset, IdentityPoolId: pool };
    const update = async (SyncCount: number) => {
      const { SyncSessionToken } = await operations.ListRecords(dataset, caller);
      const RecordPatches = [put('a', `${SyncCount}`, SyncCount)];
      return operations.UpdateRecords({ ...dataset, SyncSessionToken, RecordPatches }, caller);
    };
    await update(0);
    const { snapshots } = await count(() => update(1));
    expect(snapshots).toBe(0);
    expect(await operations.ListRecords(dataset, caller)).toMatchObject({
      Records: [{ Key: 'a', Value: '1', SyncCount: 2 }],
    });
  });
});
