import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database, Transaction } from '../../../lib/database/database.ts';
import { datasetId, identityIdHash } from '../../../lib/database/row-ids.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import type { Limits } from '../../../lib/sync/limits.ts';
import { lockIdentities } from '../../../lib/sync/store/lock-identities.ts';
import { POSTGRESQL, SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { readOutboxEvents } from '../../fixtures/database/outbox-rows.ts';
import { createPool, newPool } from '../../fixtures/identity/identity-pools.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, DEVELOPER, drop, put } from '../../fixtures/sync/sync-service.ts';

const code = (name: string) => expect.objectContaining({ code: name });

/** Records the statements of a database. */
function record(database: Database): { database: Database; statements: string[] } {
  const statements: string[] = [];
  const recording = (on: Transaction): Transaction => ({
    query(sql, values) {
      statements.push(sql);
      return on.query(sql, values);
    },
  });
  const transaction: Database['transaction'] = (work) =>
    database.transaction((inner) => work(recording(inner)));
  return { database: { ...database, ...recording(database), transaction }, statements };
}

describe.each(SERVICE_DATABASES)('the first update of a dataset on $name', ({ open }) => {
  let database: Database;
  let statements: string[];
  /** Creates a device of one identity. */
  let deviceOf: (datasetName: string, limits?: Partial<Limits>) => ReturnType<typeof createDevice>;

  beforeAll(async () => {
    database = await open();
    await createPool(database);
  });
  afterAll(() => database.close());
  beforeEach(() => {
    const recorded = record(database);
    statements = recorded.statements;
    const identityId = `us-east-1:${randomUUID()}`;
    deviceOf = (datasetName, limits) =>
      createDevice(createSyncService(recorded.database, limits).operations, {
        identityId,
        datasetName,
      });
  });

  /** Counts the statements of an update. */
  async function count(update: () => Promise<unknown>): Promise<number> {
    statements.length = 0;
    await update();
    return statements.length;
  }
  const trips = (number: number) => (database.dialect === 'dsql' ? expect.any(Number) : number);

  const rowsOf = async (table: string, identityId: string) =>
    (await database.query(`SELECT 1 FROM sync.${table} WHERE identity_id = $1`, [identityId])).rows.length;

  it('takes one database statement, or two if it is the first dataset of the identity', async () => {
    const [game, settings] = [deviceOf('game'), deviceOf('settings')];
    const tokens = [await game.token(), await settings.token()];
    expect(await count(() => game.updateWith(tokens[0] ?? '', put('a', '12'), drop('never')))).toEqual(
      trips(2),
    );
    expect(await count(() => settings.updateWith(tokens[1] ?? '', put('é', '3')))).toEqual(trips(1));
    expect(await game.list()).toMatchObject({
      DatasetExists: true,
      DatasetSyncCount: 1,
      LastModifiedBy: '000000000000',
      Records: [{ Key: 'a', Value: '12', SyncCount: 1, LastModifiedDate: NEW_YEAR }],
    });
    expect((await settings.describe()).Dataset).toMatchObject({
      CreationDate: NEW_YEAR,
      DataStorage: 3,
      NumRecords: 1,
    });
    const events = await readOutboxEvents(database, game.identity.IdentityId);
    expect(events.map(({ datasetName, syncCount }) => [datasetName, syncCount])).toEqual([
      ['game', 1],
      ['settings', 1],
    ]);
    const { rows } = await database.query(
      'SELECT data_storage FROM sync.pool_usage WHERE identity_pool_id = $1 AND slot = $2',
      [
        POOL,
        datasetId({ identityPoolId: POOL, identityId: game.identity.IdentityId, datasetName: 'game' }).slice(
          0,
          2,
        ),
      ],
    );
    expect(rows).toHaveLength(1);
    await expect(game.updateWith(tokens[0] ?? '', put('b', '1'))).rejects.toEqual(
      code('InvalidParameterException'),
    );
  });

  it('stores the records of an event that is too large for the stream', async () => {
    const device = deviceOf('game', { inlineBytes: 400 });
    await deviceOf('settings').update(put('a', '1'));
    const token = await device.token();
    expect(await count(() => device.updateWith(token, put('a', 'x'.repeat(300))))).toEqual(trips(1));
    const { rows } = await database.query(
      'SELECT octet_length(body) > 300 AS is_whole FROM sync.payloads JOIN sync.outbox USING (outbox_id) WHERE partition_key = $1',
      [device.identity.IdentityId],
    );
    expect(rows).toEqual([{ is_whole: true }]);
  });

  it('is decided from the stored state if another device has created the dataset since the listing', async () => {
    const [first, second] = [deviceOf('game'), deviceOf('game')];
    const tokens = [await second.token(), await second.token()];
    await first.update(put('a', '1'));
    await expect(second.updateWith(tokens[0] ?? '', put('a', '2'))).rejects.toMatchObject({
      code: 'ResourceConflictException',
      message: 'Current SyncCount for: a is: 1 not: 0',
    });
    await second.updateWith(tokens[1] ?? '', put('b', '2'));
    expect(await first.list()).toMatchObject({ DatasetSyncCount: 2, Count: 2 });
  });

  it('continues the sync count of a deleted dataset', async () => {
    const device = deviceOf('game');
    await device.update(put('a', '1'));
    await device.remove();
    await device.update(put('b', '2'));
    expect(await device.list()).toMatchObject({ DatasetSyncCount: 3, Records: [{ Key: 'b' }] });
  });

  it('is rejected above the limits, and changes nothing', async () => {
    const limits = { datasetsPerIdentity: 2, recordsPerDataset: 1 };
    await deviceOf('a', limits).update(put('a', '1'));
    await expect(deviceOf('b', limits).update(put('a', '1'), put('b', '2'))).rejects.toEqual(
      code('LimitExceededException'),
    );
    await deviceOf('b', limits).update(put('a', '1'));
    const device = deviceOf('c', limits);
    await expect(device.update(put('a', '1'))).rejects.toEqual(code('LimitExceededException'));
    expect(await rowsOf('datasets', device.identity.IdentityId)).toBe(2);
    await deviceOf('b').remove();
    await device.update(put('a', '1'));
    expect(await rowsOf('datasets', device.identity.IdentityId)).toBe(3);
  });

  it('never exceeds the number of datasets of an identity, even if many are created concurrently', async () => {
    const limits = { datasetsPerIdentity: 5 };
    const devices = Array.from({ length: 12 }, (_, index) => deviceOf(`game-${index}`, limits));
    const outcomes = await Promise.allSettled(devices.map((device) => device.update(put('a', '1'))));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect(await rowsOf('datasets', devices[0]?.identity.IdentityId ?? '')).toBe(5);
  });

  it('is rejected if the pool or the identity was deleted, and leaves no row', async () => {
    const pool = await newPool(database);
    const { operations } = createSyncService(database);
    const device = deviceOf('game');
    const dataset = { ...device.dataset, IdentityPoolId: pool };
    const { SyncSessionToken } = await operations.ListRecords(dataset, DEVELOPER);
    await createIdentityStore(database).markDeleted(pool, 1);
    await expect(
      operations.UpdateRecords({ ...dataset, SyncSessionToken, RecordPatches: [put('a', '1')] }, DEVELOPER),
    ).rejects.toEqual(code('ResourceNotFoundException'));

    const token = await device.token();
    const { IdentityId } = device.identity;
    await database.query(
      `INSERT INTO sync.deleted_identities (id_hash, root_hash, identity_pool_id, identity_id, deleted_ms)
       VALUES ($1, $1, $2, $3, 1)`,
      [identityIdHash(IdentityId), POOL, IdentityId],
    );
    await expect(device.updateWith(token, put('a', '1'))).rejects.toEqual(code('ResourceNotFoundException'));
    expect([await rowsOf('datasets', IdentityId), await rowsOf('identities', IdentityId)]).toEqual([0, 0]);
  });

  it('by an identity runs the sync trigger of the pool, also if the trigger was set after the process started', async () => {
    const pool = await newPool(database);
    const identityId = deviceOf('game').identity.IdentityId;
    const caller = { kind: 'identity', identityPoolId: pool, identityId } as const;
    let runs = 0;
    const { operations } = createSyncService(database, {}, undefined, {
      async invokeFunction(_arn, event) {
        runs += 1;
        return event;
      },
    });
    const create = async (DatasetName: string) => {
      const dataset = { IdentityPoolId: pool, IdentityId: identityId, DatasetName };
      const { SyncSessionToken } = await operations.ListRecords(dataset, caller);
      await operations.UpdateRecords(
        { ...dataset, SyncSessionToken, RecordPatches: [put('a', '1')] },
        caller,
      );
    };
    await create('before');
    expect(runs).toBe(0);
    await database.query('UPDATE sync.identity_pools SET sync_trigger = $1 WHERE identity_pool_id = $2', [
      'arn:aws:lambda:us-east-1:000000000000:function:trigger',
      pool,
    ]);
    await create('after');
    await create('later');
    expect(runs).toBe(2);
    expect(await rowsOf('datasets', identityId)).toBe(3);
  });
});

describe('the first update of a dataset on PostgreSQL', () => {
  let database: Database;
  beforeAll(async () => {
    database = await POSTGRESQL.open();
    await createPool(database);
  });
  afterAll(() => database.close());

  /** Starts an update while another transaction holds the identity's lock, and commits `change` in that transaction. */
  async function updateDuring(
    device: ReturnType<typeof createDevice>,
    change: (on: Transaction) => Promise<unknown>,
  ): Promise<unknown> {
    const token = await device.token();
    let outcome: Promise<unknown> = Promise.resolve();
    await database.transaction(async (transaction) => {
      await lockIdentities(transaction, POOL, [device.identity.IdentityId]);
      outcome = device.updateWith(token, put('a', '1')).catch((error: unknown) => error);
      await waitForLock();
      await change(transaction);
    });
    return outcome;
  }

  /** Waits until a statement waits for a lock. */
  async function waitForLock(): Promise<void> {
    for (;;) {
      const { rows } = await database.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> $1",
        [0],
      );
      if (rows.length > 0) return;
    }
  }

  it.each([true, false])(
    'counts a dataset that was created while the update waited for the lock of the identity (identity stored before: %s)',
    async (isKnown) => {
      const limits = { datasetsPerIdentity: isKnown ? 2 : 1 };
      const { operations } = createSyncService(database, limits);
      const device = createDevice(operations);
      const { IdentityId } = device.identity;
      if (isKnown)
        await createDevice(operations, { identityId: IdentityId, datasetName: 'old' }).update(put('a', '1'));
      const other = { identityPoolId: POOL, identityId: IdentityId, datasetName: 'other' };
      const outcome = await updateDuring(device, (on) =>
        on.query(
          `INSERT INTO sync.datasets (dataset_id, identity_pool_id, identity_id, dataset_name, sync_count, deleted_sync_count,
             creation_ms, last_modified_ms, last_modified_by, data_storage, record_count)
           VALUES ($1, $2, $3, 'other', 1, 0, 1, 1, 'x', 0, 0)`,
          [datasetId(other), POOL, IdentityId],
        ),
      );
      expect(outcome).toMatchObject({ code: 'LimitExceededException' });
    },
  );

  it('is rejected if the identity was deleted while the update waited for the lock of the identity', async () => {
    const { operations } = createSyncService(database);
    const device = createDevice(operations);
    const { IdentityId } = device.identity;
    await createDevice(operations, { identityId: IdentityId, datasetName: 'old' }).update(put('a', '1'));
    const outcome = await updateDuring(device, (on) =>
      on.query(
        `INSERT INTO sync.deleted_identities (id_hash, root_hash, identity_pool_id, identity_id, deleted_ms)
         VALUES ($1, $1, $2, $3, 1)`,
        [identityIdHash(IdentityId), POOL, IdentityId],
      ),
    );
    expect(outcome).toMatchObject({ code: 'ResourceNotFoundException' });
  });
});
