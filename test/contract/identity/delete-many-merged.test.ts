import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFinishIdentityDeletions } from '../../../functions/finish-identity-deletions.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import { type Database, DatabaseError } from '../../../lib/database/database.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { createIdentityDataStore } from '../../../lib/sync/store/identity-data-store.ts';
import { SERVERS } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { login } from '../../fixtures/identity/identity-service.ts';
import { createDeletingService, createIdentityDataDeletion } from '../../fixtures/sync/deleting-service.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';

/** One more than a transaction deletes. */
const MERGED = 601;
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;
const TABLES = ['identity.identities', 'identity.logins', 'sync.identities'];

// The embedded database is left out: it runs the same statements and transactions as PostgreSQL, four times as slowly.
describe.each(SERVERS)('the deletion of many merged identities on $name', ({ open }) => {
  let database: Database;
  let ann: string;

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteAllRows(database);
    await createPool(database);
    const { operations } = createDeletingService(database);
    ann = (await operations.GetId({ IdentityPoolId: POOL, Logins: login('ann') })).IdentityId;
    await database.query(
      `INSERT INTO identity.identities (identity_id, identity_pool_id, created_ms, modified_ms, merged_into)
       SELECT 'us-east-1:' || gen_random_uuid(), $1, 1, 1, $2 FROM generate_series(1, ${MERGED})`,
      [POOL, ann],
    );
  });

  const countRows = async (...tables: string[]) => {
    let rows = 0;
    for (const table of tables) rows += (await database.query(`SELECT 1 FROM ${table}`)).rows.length;
    return rows;
  };
  const isUnfinished = async () =>
    (await database.query('SELECT 1 FROM sync.deleted_identities WHERE identity_id IS NOT NULL')).rows
      .length > 0;

  /**
   * Returns a database that commits the given number of transactions and then fails each transaction before its commit.
   * Adds the number of rows that each committed transaction changed to `changed`.
   */
  function failingAfter(transactions: number, changed: number[]): Database {
    return {
      ...database,
      transaction: (work) =>
        database.transaction(async (transaction) => {
          let rows = 0;
          const result = await work({
            async query(sql, values) {
              const answer = await transaction.query<never>(sql, values);
              rows += answer.rowsChanged;
              return answer;
            },
          });
          if (changed.length >= transactions) throw new DatabaseError('killed', '57P01');
          changed.push(rows);
          return result;
        }),
    };
  }

  it('changes at most as many rows in a transaction as Aurora DSQL allows', async () => {
    const changed: number[] = [];
    const deleted = await createIdentityStore(failingAfter(99, changed)).deleteIdentity(ann, NEW_YEAR);
    expect(deleted).toHaveLength(MERGED + 1);
    expect(changed.length).toBeGreaterThan(1);
    expect(Math.max(...changed)).toBeLessThanOrEqual(2_500);
    expect(await countRows('identity.identities', 'identity.logins')).toBe(0);
  });

  it.each([
    [
      'a second request',
      async () => {
        const { operations } = createDeletingService(database);
        const { UnprocessedIdentityIds } = await operations.DeleteIdentities(
          { IdentityIdsToDelete: [ann] },
          DEVELOPER,
        );
        expect(UnprocessedIdentityIds).toEqual([]);
      },
    ],
    [
      'the scheduled function',
      async () => {
        const run = createFinishIdentityDeletions({
          identityData: createIdentityDataStore(database),
          removeMerged: ({ identityId }) =>
            createIdentityStore(database).deleteIdentity(identityId, NEW_YEAR),
          deleteIdentityData: createIdentityDataDeletion(database),
          tokensLifetimeMs: WEEK_MS,
          logger: createLogger('finish-identity-deletions'),
          now: () => NEW_YEAR,
          timeBudgetMs: 1e9,
        });
        const context = createLambdaContext('finish-identity-deletions', 'us-east-1');
        // A run goes through the deleted identities by id. If it deletes merged ones, only the next run may reach them.
        while ((await run({}, context)).deleted > 0);
      },
    ],
  ])('continues after a crash between two transactions, with %s', { timeout: 120_000 }, async (_, finish) => {
    const killed = createIdentityStore(failingAfter(1, [])).deleteIdentity(ann, NEW_YEAR);
    await expect(killed).rejects.toThrow('killed');
    // The identity itself is already deleted, and its credentials are rejected.
    const { store } = createDeletingService(database);
    expect(await store.readIdentity(ann)).toBeNull();
    expect(await countRows('identity.identities')).toBeGreaterThan(0);
    await finish();
    expect(await countRows(...TABLES)).toBe(0);
    expect(await countRows('sync.deleted_identities')).toBe(MERGED + 1);
    expect(await isUnfinished()).toBe(false);
  });
});
