import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createFinishIdentityDeletions,
  type FinishIdentityDeletionsFunctionDeps,
} from '../../../functions/finish-identity-deletions.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import { type Database, DatabaseError } from '../../../lib/database/database.ts';
import { identityIdHash } from '../../../lib/database/row-ids.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import type { SyncOperations } from '../../../lib/sync/model.ts';
import { createIdentityDataStore } from '../../../lib/sync/store/identity-data-store.ts';
import { SERVERS } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { readOutboxEvents } from '../../fixtures/database/outbox-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { createIdentityService, login } from '../../fixtures/identity/identity-service.ts';
import { createDeletingService, createIdentityDataDeletion } from '../../fixtures/sync/deleting-service.ts';
import { createMerger } from '../../fixtures/sync/merges.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';

const TABLES = [
  'sync.datasets',
  'sync.records',
  'sync.spent_tokens',
  'sync.merged_datasets',
  'sync.identities',
  'sync.pending_merges',
  'sync.devices',
  'identity.identities',
  'identity.logins',
];
const HOUR_MS = 60 * 60 * 1000;

describe.each(SERVERS)('the finish-identity-deletions function on $name', ({ open }) => {
  let database: Database;
  let sync: SyncOperations;
  let clock: { now: number };

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [...TABLES, 'sync.deleted_identities', 'sync.outbox', 'sync.identity_pools']);
    await createPool(database);
    ({ operations: sync, clock } = createSyncService(database));
  });

  const createFunction = (more: Partial<FinishIdentityDeletionsFunctionDeps> = {}) => {
    const handler = createFinishIdentityDeletions({
      identityData: createIdentityDataStore(database),
      removeMerged: ({ identityId }) => createIdentityStore(database).deleteIdentity(identityId, clock.now),
      deleteIdentityData: createIdentityDataDeletion(database, clock),
      tokensLifetimeMs: 24 * HOUR_MS,
      logger: createLogger('finish-identity-deletions'),
      now: () => clock.now,
      ...more,
    });
    return () => handler({}, createLambdaContext('finish-identity-deletions', 'us-east-1'));
  };
  const run = (more?: Partial<FinishIdentityDeletionsFunctionDeps>) => createFunction(more)();
  const getId = async (Logins = {}) =>
    (await createIdentityService(database).operations.GetId({ IdentityPoolId: POOL, Logins })).IdentityId;
  /** Deletes identities without their data, as a process that is killed after its first transaction. */
  const removeOnly = async (...ids: string[]) => {
    for (const id of ids) await createIdentityStore(database).deleteIdentity(id, clock.now);
  };
  const marks = async () =>
    (
      await database.query<{ id_hash: string; identity_id: string | null }>(
        'SELECT id_hash, identity_id FROM sync.deleted_identities ORDER BY id_hash',
      )
    ).rows;
  const rowsLeft = async () => {
    const left: string[] = [];
    for (const table of TABLES)
      if ((await database.query(`SELECT 1 FROM ${table} LIMIT 1`)).rows.length > 0) left.push(table);
    return left;
  };
  const removals = async () =>
    (await readOutboxEvents(database))
      .filter(({ operation }) => operation === 'remove')
      .map(({ identityId, datasetName }) => `${identityId} ${datasetName}`)
      .sort();
  /** Creates a user with two datasets and a device. A guest with a dataset is merged into the user. */
  async function fill(): Promise<string> {
    const merging = createIdentityService(database, { mergeDatasets: createMerger(database) });
    const [user, guest] = [await getId(login('ann')), await getId()];
    await createDevice(sync, { identityId: guest }).update(put('a', '1'));
    await merging.operations.GetCredentialsForIdentity({ IdentityId: guest, Logins: login('ann') });
    for (const datasetName of ['a', 'b'])
      await createDevice(sync, { identityId: user, datasetName }).update(put('k', '1'));
    await database.query(
      "INSERT INTO sync.devices VALUES (gen_random_uuid(), gen_random_uuid(), $1, $2, 'GCM', 'e', 1)",
      [POOL, user],
    );
    await database.query('DELETE FROM sync.outbox');
    return user;
  }

  it('does nothing if no identity is deleted', async () => {
    await fill();
    const before = await rowsLeft();
    expect(await run()).toEqual({ deleted: 0, ended: 0, isCutShort: false });
    expect(await rowsLeft()).toEqual(before);
  });

  it.each([
    ['a second request', (id: string) => remove(database, id)],
    ['a run of the function', () => run()],
  ])('nothing is left of a deletion that failed at any statement, after %s', async (_, finish) => {
    for (let at = 0; ; at += 1) {
      const user = await fill();
      const unprocessed = await remove(failingAfter(at), user);
      if ((await createIdentityStore(database).readIdentity(user)) !== null) {
        expect([at, await removals()]).toEqual([0, []]);
        await remove(database, user);
      }
      await finish(user);
      expect(await rowsLeft()).toEqual([]);
      expect((await removals()).map((text) => text.split(' ')[1]?.split('.')[0])).toEqual(['a', 'b', 'game']);
      expect((await marks()).map((row) => row.identity_id)).toEqual([null, null]);
      await deleteRows(database, ['sync.deleted_identities', 'sync.outbox']);
      if (unprocessed.length === 0) break;
    }
  });

  const remove = async (on: Database, ...IdentityIdsToDelete: string[]) =>
    (await createDeletingService(on).operations.DeleteIdentities({ IdentityIdsToDelete }, DEVELOPER))
      .UnprocessedIdentityIds;

  /** Returns a database that fails after this many statements, as in a process that is killed. */
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
      async transaction<Result>(work: Parameters<typeof database.transaction<Result>>[0]) {
        countStatement();
        return database.transaction<Result>(work);
      },
    };
  }

  it('keeps the mark of a deleted identity until all credentials and tokens from before the deletion have expired', async () => {
    const guest = await getId();
    await removeOnly(guest);
    expect(await marks()).toEqual([{ id_hash: identityIdHash(guest), identity_id: guest }]);
    clock.now += 25 * HOUR_MS;
    expect(await run()).toEqual({ deleted: 1, ended: 1, isCutShort: false });
    expect(await marks()).toEqual([{ id_hash: identityIdHash(guest), identity_id: null }]);
    clock.now += 1;
    expect(await run()).toEqual({ deleted: 0, ended: 0, isCutShort: false });
    expect(await marks()).toEqual([]);
  });

  it('keeps the mark of a deleted identity while other transactions hold its data', async () => {
    const guest = await getId();
    await removeOnly(guest);
    clock.now += 26 * HOUR_MS;
    const unfinished = { deleted: 1, ended: 0, isCutShort: false };
    expect(await run({ deleteIdentityData: async () => false })).toEqual(unfinished);
    expect(await marks()).toHaveLength(1);
    expect(await run()).toEqual({ ...unfinished, ended: 1 });
  });

  it('processes the other identities if one fails, logs only its ids and error code, and then fails', async () => {
    const ids = [await getId(), await getId(), await getId()];
    await removeOnly(...ids);
    const logger = createLogger('finish-identity-deletions');
    const logged = vi.spyOn(logger, 'error').mockImplementation(() => undefined);
    const finish = createIdentityDataDeletion(database, clock);
    const failing = run({
      logger,
      async deleteIdentityData(identity) {
        if (identity.identityId === ids[1]) throw new DatabaseError('no room for "secret"', '53100');
        return finish(identity);
      },
    });
    await expect(failing).rejects.toThrow('1 of 3 identity deletions failed; the next run retries them');
    expect((await marks()).flatMap((row) => row.identity_id ?? [])).toEqual([ids[1]]);
    expect(logged.mock.calls.filter(([message]) => String(message).startsWith('could not'))).toEqual([
      [
        'could not delete the remaining data of an identity; the next run retries it',
        { identityPoolId: POOL, identityId: ids[1], reason: 'DatabaseError', code: '53100' },
      ],
    ]);
    expect(JSON.stringify(logged.mock.calls)).not.toContain('secret');
    expect(await run()).toEqual({ deleted: 1, ended: 1, isCutShort: false });
  });

  it('continues in the next run when the time budget has ended', async () => {
    const ids = [await getId(), await getId(), await getId()];
    await removeOnly(...ids);
    const seen: string[] = [];
    const step = createFunction({
      timeBudgetMs: 2,
      async deleteIdentityData({ identityId }) {
        seen.push(identityId);
        clock.now += 1;
        return false;
      },
    });
    expect(await step()).toEqual({ deleted: 2, ended: 0, isCutShort: true });
    expect(await step()).toEqual({ deleted: 1, ended: 0, isCutShort: false });
    expect(seen.toSorted()).toEqual(ids.toSorted());
  });
});
