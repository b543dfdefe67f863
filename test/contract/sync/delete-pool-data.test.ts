import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { datasetId, identityRowId, recordId } from '../../../lib/database/row-ids.ts';
import { keepMergesOfPool } from '../../../lib/identity/store/deleted-merges.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { createDeletePoolData, type DeletePoolDataDeps } from '../../../lib/sync/jobs/delete-pool-data.ts';
import type { SyncOperations } from '../../../lib/sync/model.ts';
import {
  REMOVE_DEVICES,
  REMOVE_IDENTITIES,
  REMOVE_LOGINS,
  REMOVE_RECORDS,
} from '../../../lib/sync/store/pool-data-statements.ts';
import { createPoolDataStore } from '../../../lib/sync/store/pool-data-store.ts';
import { createSyncStore } from '../../../lib/sync/store/sync-store.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { insertDatasets } from '../../fixtures/database/many-datasets.ts';
import { readOutboxEvents } from '../../fixtures/database/outbox-rows.ts';
import { createPool, newPool } from '../../fixtures/identity/identity-pools.ts';
import { createMerger, insertPendingMerge, mergeOf, newIdentity } from '../../fixtures/sync/merges.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, DEVELOPER, drop, put } from '../../fixtures/sync/sync-service.ts';

const OF_POOL = [
  'sync.datasets',
  'sync.records',
  'sync.spent_tokens',
  'sync.merged_datasets',
  'sync.pool_usage',
  'sync.subscriptions',
  'sync.identities',
  'sync.pending_merges',
  'sync.devices',
  'sync.bulk_publishes',
  'identity.identities',
  'identity.logins',
];

describe.each(SERVICE_DATABASES)("deleting a pool's data on $name", ({ name, open }) => {
  let database: Database;
  let operations: SyncOperations;
  let clock: { now: number };

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [...OF_POOL, 'sync.identity_pools', 'sync.outbox', 'sync.payloads']);
    await createPool(database);
    ({ operations, clock } = createSyncService(database));
  });

  const device = (identityId: string, datasetName = 'game') =>
    createDevice(operations, { identityId, datasetName });
  const markDeleted = (identityPoolId = POOL) =>
    createIdentityStore(database).markDeleted(identityPoolId, clock.now);
  /** Marks the pool as deleted, as DeleteIdentityPool does, and then deletes its data. */
  const deletePoolData = async (identityPoolId = POOL, more: Partial<DeletePoolDataDeps> = {}) => {
    await markDeleted(identityPoolId);
    return createDeletePoolData({
      store: createSyncStore(database),
      poolData: createPoolDataStore(database),
      keepMerges: (id) => keepMergesOfPool(database, id, clock.now),
      now: () => clock.now,
      afterWrite: () => undefined,
      sleep: async () => undefined,
      ...more,
    })(identityPoolId);
  };
  /** Simulates a late write: a request that started before the pool was deleted writes after the deletion. */
  const writeLate = async (write: () => Promise<unknown>) => {
    await database.query('UPDATE sync.identity_pools SET deleted_ms = NULL');
    await write();
    await database.query('UPDATE sync.identity_pools SET deleted_ms = 1');
  };
  const countRows = async (table: string) =>
    (await database.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)).rows[0]?.n ?? 0;
  const insertIdentities = (count: number, identityPoolId = POOL) =>
    database.query(
      `INSERT INTO identity.identities SELECT $1::text || number, $1, 0, 0 FROM generate_series(1, ${count}) AS number`,
      [identityPoolId],
    );
  const insertLogins = (count: number, identityPoolId = POOL) =>
    database.query(
      `INSERT INTO identity.logins SELECT md5($1::text || number)::uuid, $1, 'p', number::text, $1::text || number, 0
       FROM generate_series(1, ${count}) AS number`,
      [identityPoolId],
    );
  const insertDevices = (count: number) =>
    database.query(
      `INSERT INTO sync.devices SELECT md5(number::text)::uuid, md5(number::text)::uuid, $1, 'i', 'GCM', 'endpoint', 1
       FROM generate_series(1, ${count}) AS number`,
      [POOL],
    );
  /** Inserts a deleted dataset with records that its deletion left behind. */
  const insertDeleted = async (records: number) => {
    const key = { identityPoolId: POOL, identityId: 'us-east-1:many', datasetName: 'game' };
    await database.query(
      `INSERT INTO sync.datasets VALUES ($1, $2, $3, 'game', 6000, 6000, 1, 1, 'writer', 0, 0)`,
      [datasetId(key), POOL, key.identityId],
    );
    await database.query(
      `INSERT INTO sync.records SELECT $1, md5(i::text)::uuid, i::text, 'v', i, 1, 'writer', 1
       FROM generate_series(1, ${records}) AS i`,
      [datasetId(key)],
    );
    return datasetId(key);
  };
  const orphanedRecords = async () =>
    (
      await database.query(
        'SELECT 1 FROM sync.records WHERE dataset_id NOT IN (SELECT dataset_id FROM sync.datasets)',
      )
    ).rows;
  const rowsLeft = async () => {
    const counts: Record<string, number> = {};
    for (const table of OF_POOL) counts[table] = await countRows(table);
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
  };
  const events = () => readOutboxEvents(database);

  /** Inserts rows of the pool into every table. */
  async function fill(identityPoolId: string): Promise<void> {
    const [guest, person] = [newIdentity(), newIdentity()];
    const dataset = { IdentityPoolId: identityPoolId, IdentityId: guest, DatasetName: 'game' };
    const { SyncSessionToken } = await operations.ListRecords(dataset, DEVELOPER);
    const patches = [put('a', '1'), put('b', '2')];
    await operations.UpdateRecords({ ...dataset, SyncSessionToken, RecordPatches: patches }, DEVELOPER);
    const merge = { ...mergeOf(guest, person), from: { identityPoolId, identityId: guest } };
    await createMerger(database, clock)(merge);
    await insertPendingMerge(database, merge);
    await operations.BulkPublish({ IdentityPoolId: identityPoolId }, DEVELOPER);
    const deviceId = randomUUID();
    await database.query(
      `INSERT INTO sync.devices (
         registration_id, device_id, identity_pool_id, identity_id, platform, endpoint, registered_ms)
       VALUES ($1, $2, $3, $4, 'GCM', 'endpoint', 1)`,
      [randomUUID(), deviceId, identityPoolId, person],
    );
    for (const datasetName of [`game.${guest}`, 'never made'])
      await database.query('INSERT INTO sync.subscriptions VALUES ($1, $2, 1)', [
        datasetId({ identityPoolId, identityId: person, datasetName }),
        deviceId,
      ]);
    await insertIdentities(1, identityPoolId);
    await insertLogins(1, identityPoolId);
  }

  it('removes every row of the pool and no row of another pool', async () => {
    const other = await newPool(database, {
      streams: { status: 'ENABLED', streamName: 'other', roleArn: null, disabledReason: null },
    });
    await fill(other);
    const ofOther = await rowsLeft();
    expect(Object.keys(ofOther).sort()).toEqual(OF_POOL.toSorted());
    await fill(POOL);
    expect(await deletePoolData()).toBe(true);
    expect(await rowsLeft()).toEqual(ofOther);
    expect(await countRows('sync.identity_pools')).toBe(2);
    expect(await deletePoolData()).toBe(true);
    expect(await rowsLeft()).toEqual(ofOther);
    await deletePoolData(other);
    expect(await rowsLeft()).toEqual({});
  });

  it('publishes the deletion of each existing dataset, and keeps earlier events that wait in the outbox', async () => {
    await device('us-east-1:0').update(put('a', '1'));
    await device('us-east-1:0', 'settings').update(put('a', '1'));
    await device('us-east-1:1').update(put('a', '1'));
    await device('us-east-1:1').remove();
    await database.query(
      'INSERT INTO sync.payloads (payload_id, body, expires_ms) VALUES (gen_random_uuid(), $1, 1)',
      ['[]'],
    );
    const nudged: string[] = [];
    clock.now += 1_000;
    await deletePoolData(POOL, { afterWrite: (outboxId) => void nudged.push(outboxId) });
    const outbox = await events();
    expect(outbox).toHaveLength(6);
    expect(nudged).toHaveLength(2);
    expect(
      outbox
        .filter(({ lastModifiedDate }) => lastModifiedDate === clock.now)
        .map(({ operation, identityId, datasetName, syncCount }) => [
          operation,
          identityId,
          datasetName,
          syncCount,
        ])
        .sort(),
    ).toEqual([
      ['remove', 'us-east-1:0', 'game', 2],
      ['remove', 'us-east-1:0', 'settings', 2],
    ]);
    expect(await countRows('sync.payloads')).toBe(1);
  });

  it('leaves no record, sync count or used token behind for a new pool with the same id', async () => {
    const { update, token, updateWith, list, remove } = device('us-east-1:0');
    const before = await token();
    await updateWith(before, put('a', '1'), put('b', '2'));
    await update(drop('b', 1));
    await remove();
    await update(put('c', '3', 0));
    await deletePoolData();
    await createPool(database);
    expect(await list()).toMatchObject({ DatasetExists: false, DatasetSyncCount: 0, Records: [] });
    await update(put('d', '4'));
    expect(await list()).toMatchObject({
      DatasetExists: true,
      DatasetSyncCount: 1,
      DatasetDeletedAfterRequestedSyncCount: false,
      Records: [{ Key: 'd', Value: '4', SyncCount: 1 }],
    });
  });

  it('is not undone by a process that has the dataset in its cache', async () => {
    const { update, token, updateWith, list } = device('us-east-1:0');
    await update(put('a', '1'));
    // The service now has the dataset in its cache. `deletePoolData` uses another store, like another process.
    await update(put('a', '2', 1));
    const session = await token();
    clock.now += 1_000;
    await deletePoolData();
    await expect(updateWith(session, put('a', '3', 2))).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
    });
    await createPool(database);
    await expect(updateWith(session, put('a', '3', 2))).rejects.toMatchObject({
      code: 'InvalidParameterException',
    });
    expect(await list()).toMatchObject({ DatasetExists: false, Records: [] });
    expect(await rowsLeft()).toEqual({});
    await update(put('a', '4'), put('b', '4'));
    await update(put('a', '5', 1));
    expect((await list()).Records.map(({ Key, Value, SyncCount }) => [Key, Value, SyncCount])).toEqual([
      ['b', '4', 1],
      ['a', '5', 2],
    ]);
  });

  it('removes the rows of many datasets in steps of at most 2500', async () => {
    await insertDatasets(database, 1_100);
    await insertDeleted(6_000);
    await insertIdentities(5_001);
    await insertLogins(2_500);
    await database.query(
      `INSERT INTO sync.identities SELECT md5(i::text)::uuid, $1, i::text FROM generate_series(1, 2600) AS i`,
      [POOL],
    );
    const sizes: number[] = [];
    const measured: Database = {
      ...database,
      async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
        const result = await database.query<Row>(sql, values);
        if (sql.includes('DELETE')) sizes.push(result.rowsChanged);
        return result;
      },
    };
    // The dataset ids above are not hashes of the dataset keys, so a sync store would not find these datasets.
    // The test therefore calls only removeRows.
    const poolData = createPoolDataStore(measured);
    await markDeleted();
    expect(await poolData.removeRows(POOL)).toBe(1 + 6_000 + 2_600 + 5_001 + 2_500);
    expect(await rowsLeft()).toEqual({ 'sync.datasets': 1_100, 'sync.records': 3_300 });
    await database.query('UPDATE sync.datasets SET sync_count = 4, deleted_sync_count = 4');
    expect(await poolData.removeRows(POOL)).toBe(1_100 + 3_300);
    expect(await rowsLeft()).toEqual({});
    expect(Math.max(...sizes)).toBe(2_500);
  });

  it('deletes many datasets of many identities', async () => {
    const identities = Array.from({ length: 210 }, newIdentity);
    const rows = identities.map((identityId) => {
      const id = datasetId({ identityPoolId: POOL, identityId, datasetName: 'game' });
      return `('${id}', '${POOL}', '${identityId}', 'game', 1, 0, 1, 1, 'writer', 2, 1)`;
    });
    await database.query(`INSERT INTO sync.datasets VALUES ${rows.join(', ')}`);
    await deletePoolData();
    expect(new Set((await events()).map(({ identityId }) => identityId))).toEqual(new Set(identities));
    expect(await events()).toHaveLength(identities.length);
    expect(await rowsLeft()).toEqual({});
  });

  it('completes in a later run if a run fails at any statement', async () => {
    for (const datasetName of ['a', 'b', 'c']) await device('us-east-1:0', datasetName).update(put('k', '1'));
    await database.query('DELETE FROM sync.outbox');
    await insertIdentities(1);
    await insertLogins(1);
    let statements = 0;
    const failAfter = (at: number): Database => ({
      ...database,
      async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
        statements += 1;
        if (statements > at) throw new Error('the power is gone');
        return database.query<Row>(sql, values);
      },
    });
    for (let at = 1; ; at += 1) {
      statements = 0;
      const failing = failAfter(at);
      const deps = { store: createSyncStore(failing), poolData: createPoolDataStore(failing) };
      const ended = await deletePoolData(POOL, deps).then(
        () => true,
        () => false,
      );
      // No record is left without its dataset.
      expect(await orphanedRecords()).toEqual([]);
      if (ended) break;
    }
    expect(await rowsLeft()).toEqual({});
    expect((await events()).map(({ operation, datasetName }) => [operation, datasetName]).sort()).toEqual([
      ['remove', 'a'],
      ['remove', 'b'],
      ['remove', 'c'],
    ]);
  });

  it('keeps a dataset that is written again while its rows are being removed', async () => {
    const { update, remove, list } = device('us-east-1:0');
    await update(put('a', '1'), put('b', '1'));
    await remove();
    let again = true;
    const racing: Database = {
      ...database,
      async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
        if (again && sql.includes('DELETE FROM sync.datasets')) {
          again = false;
          await writeLate(() => update(put('a', '2')));
        }
        return database.query<Row>(sql, values);
      },
    };
    await markDeleted();
    await createPoolDataStore(racing).removeRows(POOL);
    expect(await list()).toMatchObject({ DatasetSyncCount: 3, Records: [{ Key: 'a', Value: '2' }] });
    // The next pass deletes the dataset and publishes the deletion.
    await database.query('DELETE FROM sync.outbox');
    await deletePoolData();
    expect((await events()).map(({ operation }) => operation)).toEqual(['remove']);
    expect(await rowsLeft()).toEqual({});
  });

  it('removes records that DeleteDataset left behind', async () => {
    const key = { identityPoolId: POOL, identityId: 'us-east-1:0', datasetName: 'game' };
    await device(key.identityId).update(put('a', '1'));
    await device(key.identityId).remove();
    await database.query(`INSERT INTO sync.records VALUES ($1, $2, 'old', 'v', 1, 1, 'writer', 1)`, [
      datasetId(key),
      recordId('old'),
    ]);
    await deletePoolData();
    expect(await rowsLeft()).toEqual({});
    expect(
      await database.query('SELECT 1 FROM sync.identities WHERE identity_row_id = $1', [identityRowId(key)]),
    ).toMatchObject({ rows: [] });
  });

  it.each([
    // The third value is the number of removed rows that the first step reports, so that the pass ends early. A step of
    // records may remove fewer than its limit because of their bytes, so only the number 0 ends a pass of records.
    ['records', 'sync.records', 0, () => insertDeleted(3_000)],
    ['identities', 'identity.identities', 100, () => insertIdentities(3_000)],
    ['logins', 'identity.logins', 100, () => insertLogins(3_000)],
    ['devices', 'sync.devices', 100, () => insertDevices(3_000)],
  ])(
    'removes the remaining %s in another pass if the first step reported so few removed rows that its pass ended early',
    async (_, table, removed, insert) => {
      await insert();
      let short = true;
      const others: Database = {
        ...database,
        async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
          const result = await database.query<Row>(sql, values);
          if (short && sql.includes(`DELETE FROM ${table}`)) {
            short = false;
            return { ...result, rowsChanged: removed };
          }
          return result;
        },
      };
      await markDeleted();
      await createPoolDataStore(others).removeRows(POOL);
      expect(await orphanedRecords()).toEqual([]);
      expect(await countRows(table)).toBe(500);
      expect(await createPoolDataStore(others).isLeft(POOL)).toBe(true);
      short = true;
      expect(await deletePoolData(POOL, { poolData: createPoolDataStore(others) })).toBe(true);
      expect(await rowsLeft()).toEqual({});
    },
  );

  it.each(['records', 'spent_tokens', 'merged_datasets', 'subscriptions'])(
    'keeps the row of a deleted dataset while its %s remain, because they are found through that row',
    async (table) => {
      const id = await insertDeleted(1);
      await insertDevices(1);
      await database.query('INSERT INTO sync.spent_tokens VALUES ($1, 1, gen_random_uuid())', [id]);
      await database.query('INSERT INTO sync.merged_datasets VALUES ($1, gen_random_uuid())', [id]);
      await database.query('INSERT INTO sync.subscriptions SELECT $1, device_id, 1 FROM sync.devices', [id]);
      await markDeleted();
      // Simulates that another transaction holds the remaining rows: the statement removes none.
      const held: Database = {
        ...database,
        async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
          if (sql.includes(`DELETE FROM sync.${table}`)) return { rows: [], rowsChanged: 0 };
          return database.query<Row>(sql, values);
        },
      };
      await createPoolDataStore(held).removeRows(POOL);
      const device = table === 'subscriptions' ? { 'sync.devices': 1 } : {};
      expect(await rowsLeft()).toEqual({ 'sync.datasets': 1, [`sync.${table}`]: 1, ...device });
      expect(await deletePoolData()).toBe(true);
      expect(await rowsLeft()).toEqual({});
    },
  );

  it('waits for other transactions that hold rows, but only for a limited time', async () => {
    await device('us-east-1:0').update(put('a', '1'));
    const poolData = createPoolDataStore(database);
    const pauses: number[] = [];
    const held = { ...poolData, listDatasets: async () => [], removeRows: async () => 0 };
    const sleep = async (ms: number) => void pauses.push(ms);
    expect(await deletePoolData(POOL, { poolData: held, sleep })).toBe(false);
    expect(pauses).toEqual(Array.from({ length: 10 }, () => 200));
    let isReleased = false;
    const heldUntilReleased = {
      ...poolData,
      listDatasets: (...args: Parameters<typeof poolData.listDatasets>) =>
        isReleased ? poolData.listDatasets(...args) : held.listDatasets(),
      removeRows: (identityPoolId: string) =>
        isReleased ? poolData.removeRows(identityPoolId) : held.removeRows(),
    };
    const release = async () => {
      isReleased = true;
    };
    expect(await deletePoolData(POOL, { poolData: heldUntilReleased, sleep: release })).toBe(true);
    expect(await rowsLeft()).toEqual({});
  });

  it('stops after 50 passes if a writer never stops', async () => {
    const { update } = device('us-east-1:0');
    await update(put('a', '0'));
    const poolData = createPoolDataStore(database);
    let passes = 0;
    const removeRows = async (identityPoolId: string) => {
      const removed = await poolData.removeRows(identityPoolId);
      passes += 1;
      await writeLate(() => update(put('a', String(passes))));
      return removed;
    };
    expect(await deletePoolData(POOL, { poolData: { ...poolData, removeRows } })).toBe(false);
    expect(passes).toBe(50);
    expect(await deletePoolData()).toBe(true);
    expect(await rowsLeft()).toEqual({});
  });

  it('deletes nothing of a pool that is not marked as deleted', async () => {
    await fill(POOL);
    await device('us-east-1:0').update(put('a', '1'));
    await device('us-east-1:0').remove();
    const before = await rowsLeft();
    const poolData = createPoolDataStore(database);
    expect(await poolData.isLeft(POOL)).toBe(false);
    expect(await poolData.listDatasets(POOL, null, 10)).toEqual([]);
    expect(await poolData.removePendingMerges(POOL)).toBe(0);
    expect(await poolData.removeRows(POOL)).toBe(0);
    expect(await rowsLeft()).toEqual(before);
  });

  it('deletes nothing of a new pool that gets the same id during the run', async () => {
    const { update, remove, list } = device('us-east-1:0');
    const recreatePool = async () => {
      await deletePoolData();
      await createPool(database);
    };
    await update(put('a', '1'));
    const poolData = createPoolDataStore(database);
    const listDatasets: typeof poolData.listDatasets = async (...args) => {
      const listed = await poolData.listDatasets(...args);
      if (listed.length > 0) {
        await recreatePool();
        await update(put('b', '2'));
      }
      return listed;
    };
    expect(await deletePoolData(POOL, { poolData: { ...poolData, listDatasets } })).toBe(true);
    expect((await list()).Records.map(({ Key }) => Key)).toEqual(['b']);
    await remove();
    await markDeleted();
    let late = true;
    const racing: Database = {
      ...database,
      async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
        if (late && sql.includes('DELETE FROM sync.records')) {
          late = false;
          await recreatePool();
          await update(put('c', '3'));
        }
        return database.query<Row>(sql, values);
      },
    };
    await createPoolDataStore(racing).removeRows(POOL);
    expect(late).toBe(false);
    expect((await list()).Records.map(({ Key }) => Key)).toEqual(['c']);
  });

  // The embedded database runs one transaction at a time, so no other transaction can be concurrent.
  const ends = name === 'embedded' ? [] : ['commits', 'rolls back'];
  it.each(
    ends.flatMap((end) => [
      { end, rows: 'records', sql: REMOVE_RECORDS, insert: () => insertDeleted(6_000) },
      { end, rows: 'identities', sql: REMOVE_IDENTITIES, insert: () => insertIdentities(6_000) },
      { end, rows: 'logins', sql: REMOVE_LOGINS, insert: () => insertLogins(6_000) },
      { end, rows: 'devices', sql: REMOVE_DEVICES, insert: () => insertDevices(6_000) },
    ]),
  )('leaves nothing if another transaction removes the same $rows and $end', async ({ end, sql, insert }) => {
    const id = await insert();
    await markDeleted();
    const [removed, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const other = database.transaction(async (transaction) => {
      const more = typeof id === 'string' ? [`{${id}}`, '{6000}'] : [];
      expect((await transaction.query(sql, [POOL, ...more])).rowsChanged).toBe(2_500);
      removed.resolve();
      await mayEnd.promise;
      if (end !== 'commits') throw new Error('killed');
    });
    const ended = other.catch(() => undefined);
    await removed.promise;
    const deleted = deletePoolData();
    const waiting = `/* test */ SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await vi.waitUntil(async () => (await database.query(waiting)).rows.length > 0, { timeout: 20_000 });
    mayEnd.resolve();
    expect(await deleted).toBe(true);
    await ended;
    expect(await rowsLeft()).toEqual({});
  });
});
