import { SetupError } from '../common/errors.ts';
import type { Database } from './database.ts';
import type { DatabaseAddress } from './database-address.ts';
import { nameOf, unreachableError } from './drivers/pg/describe-unreachable.ts';
import { type CreateSecretReader, openAddress } from './open-from-environment.ts';
import type { SqlReader } from './read-sql.ts';
import { READER_ROLE } from './schema/roles.ts';

/**
 * Operator commands can take hours, for example to build an index on a large table. They may also wait for a lock of
 * another session until the statement timeout, so there is no separate lock timeout (0).
 */
const TIMEOUTS = { statementTimeoutMs: 24 * 60 * 60 * 1000, lockTimeoutMs: 0 };

const FIND_TABLES = `
SELECT count(*) AS there FROM pg_tables WHERE schemaname = 'projection' AND tablename = 'records'`;

/** The database of operator commands. */
export interface OperatorDatabase {
  /** Its statements can take hours. */
  database: Database;
  /**
   * For writes of records, with the timeouts of the service. The feed of changes waits for each transaction that writes
   * records. On a standby server, the feed assumes that such a transaction takes less than five minutes.
   */
  projection: Database;
  /** For the operator's own SQL. */
  queries: SqlReader;
  close(): Promise<void>;
}

/**
 * Opens a server for an operator command. Connects on the first query. On Aurora DSQL, the operator's own SQL has
 * separate connections, because the role of readers connects with its own token.
 */
export function openForOperator(
  address: DatabaseAddress,
  createReader: CreateSecretReader,
): OperatorDatabase {
  const database = openAddress(address, createReader, { maxConnections: 2, ...TIMEOUTS });
  const projection = openAddress(address, createReader, { maxConnections: 2 });
  const queries =
    address.kind === 'dsql'
      ? openAddress({ ...address, user: READER_ROLE }, createReader, { maxConnections: 1 })
      : database;
  return {
    database,
    projection,
    queries,
    async close() {
      await Promise.all([...new Set([database, projection, queries])].map((opened) => opened.close()));
    },
  };
}

/**
 * Checks that our tables exist, because a command does not create them.
 *
 * @throws {SetupError} the server does not answer or does not have our tables
 */
export async function requireTables(database: Database, address: DatabaseAddress): Promise<void> {
  const { rows } = await database.query<{ there: number }>(FIND_TABLES).catch((error: unknown) => {
    throw unreachableError(address, error);
  });
  if (rows[0]?.there) return;
  const todo =
    address.kind === 'postgresql'
      ? 'run `npx cognito-sync-backend start` once with this DATABASE_URL, or `npm run deploy`, to create it'
      : 'run `npm run deploy` to create it';
  throw new SetupError(`${nameOf(address)} has no schema projection; ${todo}`);
}
