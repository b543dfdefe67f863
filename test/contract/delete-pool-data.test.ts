import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../lib/store/database.ts';
import { migrate } from '../../lib/store/migrate.ts';
import { createPoolDataStore } from '../../lib/store/pool-data-store.ts';
import { datasetId, identityRowId, recordId } from '../../lib/store/row-ids.ts';
import { createSyncStore } from '../../lib/store/sync-store.ts';
import { createDeletePoolData, type DeletePoolDataDeps } from '../../lib/sync/delete-pool-data.ts';
import type { SyncOperations } from '../../lib/sync/model.ts';
import { DATABASES } from '../fixtures/databases.ts';
import { createPool, newPool } from '../fixtures/identity-pools.ts';
import { insertDatasets } from '../fixtures/many-datasets.ts';
import { createMerger, insertPendingMerge, mergeOf, newIdentity } from '../fixtures/merges.ts';
import { POOL } from '../fixtures/stream-events.ts';
import { createDevice, createSyncService, DEVELOPER, drop, put } from '../fixtures/sync-service.ts';

const OF_POOL = [
  'datasets',
  'records',
  'spent_tokens',
  'merged_datasets',
  'subscriptions',
  'identities',
  'pending_merges',
  'devices',
  'bulk_publishes',
];

describe.each(DATABASES)("deleting a pool's data on $name", ({ open }) => {
  let database: Database;
  let operations: SyncOperations;
  let clock: { now: number };

  beforeAll(async () => {
    database = await open();
    await migrate(database);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    for (const table of [...OF_POOL, 'identity_pools', 'outbox', 'payloads'])
      await database.query(`DELETE FROM sync.${table}`);
    await createPool(database);
    ({ operations, clock } = createSyncService(database));
  });

  const device = (identityId: string, datasetName = 'game') =>
    createDevice(operations, { identityId, datasetName });
  const deletePoolData = (identityPoolId = POOL, more: Partial<DeletePoolDataDeps> = {}) =>
    createDeletePoolData({
      store: createSyncStore(database),
      poolData: createPoolDataStore(database),
      now: () => clock.now,
      afterWrite: () => undefined,
      ...more,
    })(identityPoolId);
  const countRows = async (table: string) =>
    (await database.query<{ n: number }>(`SELECT count(*) AS n FROM sync.${table}`)).rows[0]?.n ?? 0;
  const rowsLeft = async () => {
    const counts: Record<string, number> = {};
    for (const table of OF_POOL) counts[table] = await countRows(table);
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
  };
  const events = async () =>
    (await database.query<{ event: string }>('SELECT event FROM sync.outbox')).rows.map(({ event }) =>
      JSON.parse(event),
    );

  /** Everything that a pool can have rows of. */
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
  }

  it('leaves no row of the pool, and every row of the others', async () => {
    const other = await newPool(database, {
      streams: { status: 'ENABLED', streamName: 'other', roleArn: null, disabledReason: null },
    });
    await fill(other);
    const ofOther = await rowsLeft();
    expect(Object.keys(ofOther).sort()).toEqual(OF_POOL.toSorted());
    await fill(POOL);
    await deletePoolData();
    expect(await rowsLeft()).toEqual(ofOther);
    expect(await countRows('identity_pools')).toBe(2);
    await deletePoolData();
    expect(await rowsLeft()).toEqual(ofOther);
    await deletePoolData(other);
    expect(await rowsLeft()).toEqual({});
  });

  it('tells the stream that each dataset that existed is deleted, and keeps what waits for it', async () => {
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
    expect(await countRows('payloads')).toBe(1);
  });

  it('lets the pool begin anew: no old record, no old count, no spent token', async () => {
    const { update, token, updateWith, list, remove } = device('us-east-1:0');
    const before = await token();
    await updateWith(before, put('a', '1'), put('b', '2'));
    await update(drop('b', 1));
    await remove();
    await update(put('c', '3', 0));
    await deletePoolData();
    expect(await list()).toMatchObject({ DatasetExists: false, DatasetSyncCount: 0, Records: [] });
    await update(put('d', '4'));
    expect(await list()).toMatchObject({
      DatasetExists: true,
      DatasetSyncCount: 1,
      DatasetDeletedAfterRequestedSyncCount: false,
      Records: [{ Key: 'd', Value: '4', SyncCount: 1 }],
    });
  });

  it('brings nothing back that a process remembers', async () => {
    const { update, token, updateWith, list } = device('us-east-1:0');
    await update(put('a', '1'));
    // Remembered by the service; the data is deleted by another process.
    await update(put('a', '2', 1));
    const session = await token();
    clock.now += 1_000;
    await deletePoolData();
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

  it('takes the steps that it has to, for many datasets and many records of one', async () => {
    await insertDatasets(database, 1_100);
    const identity = { identityPoolId: POOL, identityId: 'us-east-1:many' };
    const id = datasetId({ ...identity, datasetName: 'game' });
    await database.query(
      `INSERT INTO sync.datasets VALUES ($1, $2, $3, 'game', 6000, 6000, 1, 1, 'somebody', 0, 0)`,
      [id, POOL, identity.identityId],
    );
    await database.query(
      `INSERT INTO sync.records SELECT $1, md5(i::text)::uuid, i::text, 'v', i, 1, 'somebody', 1
       FROM generate_series(1, 6000) AS i`,
      [id],
    );
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
    // What these rows were inserted with is no hash of theirs: only rows are removed here.
    const poolData = createPoolDataStore(measured);
    expect(await poolData.removeRows(POOL)).toBe(1);
    expect(await rowsLeft()).toEqual({ datasets: 1_100, records: 3_300 });
    await database.query('UPDATE sync.datasets SET sync_count = 4, deleted_sync_count = 4');
    expect(await poolData.removeRows(POOL)).toBe(1_100);
    expect(await rowsLeft()).toEqual({});
    expect(Math.max(...sizes)).toBe(2_500);
  });

  it('deletes many datasets of many identities', async () => {
    const identities = Array.from({ length: 210 }, newIdentity);
    for (const identityId of identities) await device(identityId).update(put('a', '1'));
    await database.query('DELETE FROM sync.outbox');
    await deletePoolData();
    expect(new Set((await events()).map(({ identityId }) => identityId))).toEqual(new Set(identities));
    expect(await events()).toHaveLength(identities.length);
    expect(await rowsLeft()).toEqual({});
  });

  it('goes on where a run was cut off', async () => {
    for (const datasetName of ['a', 'b', 'c']) await device('us-east-1:0', datasetName).update(put('k', '1'));
    await database.query('DELETE FROM sync.outbox');
    let statements = 0;
    const cutOff = (at: number): Database => ({
      ...database,
      async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
        statements += 1;
        if (statements > at) throw new Error('the power is gone');
        return database.query<Row>(sql, values);
      },
    });
    for (let at = 1; ; at += 1) {
      statements = 0;
      const dying = cutOff(at);
      const deps = { store: createSyncStore(dying), poolData: createPoolDataStore(dying) };
      const ended = await deletePoolData(POOL, deps).then(
        () => true,
        () => false,
      );
      // Never a record without its dataset.
      const { rows } = await database.query(
        'SELECT 1 FROM sync.records WHERE dataset_id NOT IN (SELECT dataset_id FROM sync.datasets)',
      );
      expect(rows).toEqual([]);
      if (ended) break;
    }
    expect(await rowsLeft()).toEqual({});
    expect((await events()).map(({ operation, datasetName }) => [operation, datasetName]).sort()).toEqual([
      ['remove', 'a'],
      ['remove', 'b'],
      ['remove', 'c'],
    ]);
  });

  it('removes no dataset that was made anew while its rows were about to go', async () => {
    const { update, remove, list } = device('us-east-1:0');
    await update(put('a', '1'), put('b', '1'));
    await remove();
    let again = true;
    const racing: Database = {
      ...database,
      async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
        if (again && sql.includes('DELETE FROM sync.datasets')) {
          again = false;
          await update(put('a', '2'));
        }
        return database.query<Row>(sql, values);
      },
    };
    expect(await createPoolDataStore(racing).removeRows(POOL)).toBe(0);
    expect(await list()).toMatchObject({ DatasetSyncCount: 3, Records: [{ Key: 'a', Value: '2' }] });
    // The next pass deletes it, and says so.
    await database.query('DELETE FROM sync.outbox');
    await deletePoolData();
    expect((await events()).map(({ operation }) => operation)).toEqual(['remove']);
    expect(await rowsLeft()).toEqual({});
  });

  it('removes records that a deletion has left behind', async () => {
    const key = { identityPoolId: POOL, identityId: 'us-east-1:0', datasetName: 'game' };
    await device(key.identityId).update(put('a', '1'));
    await device(key.identityId).remove();
    await database.query(`INSERT INTO sync.records VALUES ($1, $2, 'old', 'v', 1, 1, 'somebody', 1)`, [
      datasetId(key),
      recordId('old'),
    ]);
    await deletePoolData();
    expect(await rowsLeft()).toEqual({});
    expect(
      await database.query('SELECT 1 FROM sync.identities WHERE identity_row_id = $1', [identityRowId(key)]),
    ).toMatchObject({ rows: [] });
  });
});
