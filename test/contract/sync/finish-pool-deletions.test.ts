import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createFinishPoolDeletions,
  type FinishPoolDeletionsFunctionDeps,
} from '../../../functions/finish-pool-deletions.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import { type Database, DatabaseError } from '../../../lib/database/database.ts';
import { datasetId } from '../../../lib/database/row-ids.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { GRACE_MS } from '../../../lib/sync/jobs/finish-pool-deletions.ts';
import type { SyncOperations } from '../../../lib/sync/model.ts';
import { createPoolDataStore } from '../../../lib/sync/store/pool-data-store.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { SERVERS } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { readOutboxEvents } from '../../fixtures/database/outbox-rows.ts';
import { createPool, newPool } from '../../fixtures/identity/identity-pools.ts';
import { login } from '../../fixtures/identity/identity-service.ts';
import { createDeletingService, createPoolDataDeletion } from '../../fixtures/sync/deleting-service.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';

const TABLES = [
  'sync.datasets',
  'sync.records',
  'sync.spent_tokens',
  'sync.pool_usage',
  'sync.identities',
  'sync.devices',
  'sync.subscriptions',
  'sync.bulk_publishes',
  'identity.identities',
  'identity.logins',
];
const NEW_POOL = { identityPoolId: POOL, syncTrigger: null, streams: null, pushSync: null };

describe.each(SERVERS)('the finish-pool-deletions function on $name', ({ open }) => {
  let database: Database;
  let operations: SyncOperations;
  let clock: { now: number };

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [...TABLES, 'sync.outbox', 'sync.identity_pools']);
    await createPool(database);
    ({ operations, clock } = createSyncService(database));
  });

  const device = (identityId = 'us-east-1:0', datasetName = 'game') =>
    createDevice(operations, { identityId, datasetName });
  const createFunction = (more: Partial<FinishPoolDeletionsFunctionDeps> = {}) => {
    const handler = createFinishPoolDeletions({
      poolData: createPoolDataStore(database),
      deletePoolData: createPoolDataDeletion(database, clock),
      logger: createLogger('finish-pool-deletions'),
      now: () => clock.now,
      ...more,
    });
    return () => handler({}, createLambdaContext('finish-pool-deletions', 'us-east-1'));
  };
  const run = (more?: Partial<FinishPoolDeletionsFunctionDeps>) => createFunction(more)();
  const remove = (on = database, deletePoolData = createPoolDataDeletion(on, clock)) =>
    createDeletingService(on, { deletePoolData }).operations.DeleteIdentityPool(
      { IdentityPoolId: POOL },
      DEVELOPER,
    );
  /** Simulates a late write: a request that started before the pool was deleted writes after the deletion. */
  const writeLate = async (write: () => Promise<unknown>) => {
    const { rows } = await database.query<{ deleted_ms: number }>(
      'SELECT deleted_ms FROM sync.identity_pools',
    );
    await database.query('UPDATE sync.identity_pools SET deleted_ms = NULL');
    await write();
    await database.query('UPDATE sync.identity_pools SET deleted_ms = $1', [rows[0]?.deleted_ms ?? null]);
  };
  const rowsLeft = async () => {
    const left: string[] = [];
    for (const table of TABLES)
      if ((await database.query(`SELECT 1 FROM ${table} LIMIT 1`)).rows.length > 0) left.push(table);
    return left;
  };
  const pools = async () =>
    (
      await database.query<{ identity_pool_id: string }>(
        'SELECT identity_pool_id FROM sync.identity_pools ORDER BY identity_pool_id COLLATE "C"',
      )
    ).rows.map((row) => row.identity_pool_id);
  const removalEvents = async () =>
    (await readOutboxEvents(database))
      .filter(({ operation }) => operation === 'remove')
      .map(({ datasetName }) => datasetName)
      .sort();
  const fill = async () => {
    await createDeletingService(database).operations.GetId({ IdentityPoolId: POOL });
    await createDeletingService(database).operations.GetId({ IdentityPoolId: POOL, Logins: login('ann') });
    for (const name of ['a', 'b']) await device('us-east-1:0', name).update(put('k', '1'));
    const deviceId = randomUUID();
    await database.query("INSERT INTO sync.devices VALUES (gen_random_uuid(), $1, $2, $3, 'GCM', 'e', 1)", [
      deviceId,
      POOL,
      'us-east-1:0',
    ]);
    const subscribed = { identityPoolId: POOL, identityId: 'us-east-1:0', datasetName: 'never made' };
    await database.query('INSERT INTO sync.subscriptions VALUES ($1, $2, 1)', [
      datasetId(subscribed),
      deviceId,
    ]);
    await operations.BulkPublish({ IdentityPoolId: POOL }, DEVELOPER);
  };

  it('does nothing if no pool is deleted', async () => {
    await device().update(put('a', '1'));
    expect(await run()).toEqual({ deleted: 0, ended: 0, isCutShort: false });
    expect((await device().list()).Records).toHaveLength(1);
  });

  it('deletes late writes and publishes their deletion; removes the pool when no late write is possible any more', async () => {
    await device('us-east-1:0', 'early').update(put('a', '1'));
    await remove(database, async (identityPoolId) => {
      const isEmpty = await createPoolDataDeletion(database, clock)(identityPoolId);
      await writeLate(() => device('us-east-1:0', 'late').update(put('a', '1')));
      return isEmpty;
    });
    expect(await rowsLeft()).not.toEqual([]);
    expect(await run()).toEqual({ deleted: 1, ended: 0, isCutShort: false });
    expect(await rowsLeft()).toEqual([]);
    expect(await removalEvents()).toEqual(['early', 'late']);
    clock.now += GRACE_MS;
    await writeLate(() => device('us-east-1:0', 'later').update(put('a', '1')));
    expect(await run()).toMatchObject({ ended: 0 });
    expect(await removalEvents()).toEqual(['early', 'late', 'later']);
    clock.now += 1;
    expect(await run()).toEqual({ deleted: 1, ended: 1, isCutShort: false });
    expect(await pools()).toEqual([]);
    expect(await run()).toEqual({ deleted: 0, ended: 0, isCutShort: false });
  });

  it('keeps a pool to which data is written during the run', async () => {
    await remove();
    clock.now += GRACE_MS + 1;
    const deletePoolData = async () => {
      await writeLate(() => device().update(put('a', '1')));
      return true;
    };
    expect(await run({ deletePoolData })).toEqual({ deleted: 1, ended: 0, isCutShort: false });
    expect(await pools()).toEqual([POOL]);
    expect(await run()).toEqual({ deleted: 1, ended: 1, isCutShort: false });
    expect(await removalEvents()).toEqual(['game']);
  });

  it('keeps a new pool that gets the same id during the run', async () => {
    await remove();
    clock.now += GRACE_MS + 1;
    const deletePoolData = async () => {
      expect(await createPoolStore(database).createPool(NEW_POOL, clock.now)).toBe('made');
      return true;
    };
    expect(await run({ deletePoolData })).toEqual({ deleted: 1, ended: 0, isCutShort: false });
    expect(await createPoolStore(database).readPool(POOL)).toEqual({ ...NEW_POOL, revision: 1 });
  });

  it.each([
    ['a second request', async () => void (await remove().catch(expectNotFound))],
    ['a run of the function', async () => void (await run())],
  ])('nothing is left of a deletion that failed at any statement, after %s', async (_, finish) => {
    for (let at = 0; ; at += 1) {
      await database.query('DELETE FROM sync.outbox');
      await fill();
      const hasFailed = await remove(failingAfter(at)).then(
        () => false,
        () => true,
      );
      const store = createIdentityStore(database);
      if ((await store.readPool(POOL)) !== null) expect(at).toBe(0);
      // A deletion that failed at its first statement has not started, so another request starts it.
      if (at === 0) await remove();
      const outcome = await createPoolStore(database).createPool(NEW_POOL, clock.now);
      if (outcome !== 'made') {
        expect(outcome).toBe('being deleted');
        await finish();
        expect(await createPoolStore(database).createPool(NEW_POOL, clock.now)).toBe('made');
      }
      expect(await rowsLeft()).toEqual([]);
      expect(await removalEvents()).toEqual(['a', 'b']);
      expect(await device('us-east-1:0', 'a').list()).toMatchObject({ DatasetSyncCount: 0, Records: [] });
      await database.query('DELETE FROM sync.identity_pools');
      await createPool(database);
      if (!hasFailed) break;
    }
  });

  /** Returns a database that fails after `limit` statements, as if the process were killed. */
  function failingAfter(limit: number): Database {
    let statements = 0;
    const countStatement = () => {
      statements += 1;
      if (statements > limit) throw new Error('the power is gone');
    };
    return {
      ...database,
      async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
        countStatement();
        return database.query<Row>(sql, values);
      },
      async transaction<Result>(work: Work<Result>) {
        countStatement();
        return database.transaction<Result>(work);
      },
    };
  }

  it('processes the other pools if one fails, logs only its id and error code, and then fails', async () => {
    const [first = '', second = '', third = ''] = [
      await newPool(database),
      await newPool(database),
      await newPool(database),
    ].sort();
    for (const id of [first, second, third]) await createIdentityStore(database).markDeleted(id, NEW_YEAR);
    const logger = createLogger('finish-pool-deletions');
    const logged = vi.spyOn(logger, 'error').mockImplementation(() => undefined);
    clock.now += GRACE_MS + 1;
    const failing = run({
      logger,
      async deletePoolData(identityPoolId) {
        if (identityPoolId === second) throw new DatabaseError('no room for "secret"', '53100');
        return true;
      },
    });
    await expect(failing).rejects.toThrow('1 of 3 pool deletions failed; the next run retries them');
    expect(await pools()).toEqual([POOL, second].sort());
    const failures = logged.mock.calls.filter(([message]) =>
      String(message).startsWith('could not delete the remaining data'),
    );
    expect(failures).toEqual([
      [
        'could not delete the remaining data of a pool; the next run retries it',
        { identityPoolId: second, reason: 'DatabaseError', code: '53100' },
      ],
    ]);
    expect(JSON.stringify(logged.mock.calls)).not.toContain('secret');
    expect(await run()).toEqual({ deleted: 1, ended: 1, isCutShort: false });
  });

  it('keeps a pool whose data is locked, and removes it in a later run', async () => {
    await device().update(put('a', '1'));
    await createIdentityStore(database).markDeleted(POOL, clock.now);
    clock.now += GRACE_MS + 1;
    expect(await run({ deletePoolData: async () => false })).toEqual({
      deleted: 1,
      ended: 0,
      isCutShort: false,
    });
    expect(await pools()).toEqual([POOL]);
    expect(await run()).toEqual({ deleted: 1, ended: 1, isCutShort: false });
  });

  it('reads many pools in pages, and processes each pool once', async () => {
    const ids = [];
    for (let number = 0; number < 250; number += 1) ids.push(await newPool(database));
    for (const id of ids) await createIdentityStore(database).markDeleted(id, clock.now);
    const seen: string[] = [];
    const deletePoolData = async (id: string) => {
      seen.push(id);
      return true;
    };
    expect(await run({ deletePoolData })).toEqual({ deleted: 250, ended: 0, isCutShort: false });
    expect(seen).toEqual(ids.sort());
  });

  it('continues where the previous run used up its time budget, even if a pool failed; starts over after the last pool', async () => {
    const ids: string[] = [];
    for (let number = 0; number < 5; number += 1) ids.push(await newPool(database));
    for (const id of ids) await createIdentityStore(database).markDeleted(id, clock.now);
    const seen: string[] = [];
    const step = createFunction({
      timeBudgetMs: 2,
      async deletePoolData(id) {
        seen.push(id);
        clock.now += 1;
        if (seen.length === 2) throw new Error('one fails');
        return true;
      },
    });
    await expect(step()).rejects.toThrow('1 of 2');
    expect(await step()).toMatchObject({ deleted: 2, isCutShort: true });
    expect(await step()).toMatchObject({ deleted: 1, isCutShort: false });
    expect(await step()).toMatchObject({ deleted: 2, isCutShort: true });
    expect(seen.slice(0, 5)).toEqual(ids.sort());
    expect(seen.slice(5)).toEqual(seen.slice(0, 2));
  });
});

type Work<Result> = (transaction: Pick<Database, 'query'>) => Promise<Result>;

/** Accepts only the error of a pool that no longer exists. */
function expectNotFound(error: unknown): void {
  expect(error).toMatchObject({ code: 'ResourceNotFoundException' });
}
