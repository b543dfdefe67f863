import { SetupError } from '../errors.ts';
import type { Database } from './database.ts';
import { doesNotAnswer } from './open-database.ts';
import { openPg } from './pg-database.ts';

/** What an operator asks for may take hours, such as an index on a large table. */
const STATEMENT_TIMEOUT_MS = 24 * 60 * 60 * 1000;

/** A PostgreSQL server for the operator's commands. Connects when first asked something. */
export function openPgForOperator(connectionString: string): Database {
  return openPg({ connectionString, maxConnections: 2, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
}

/** @throws {SetupError} the server does not answer, or has no tables of ours: a command does not make them */
export async function requireTables(database: Database, databaseUrl: string): Promise<void> {
  const { rows } = await database
    .query<{ there: boolean }>(`SELECT to_regclass('projection.records') IS NOT NULL AS there`)
    .catch((error: unknown) => {
      throw doesNotAnswer(databaseUrl, error);
    });
  if (rows[0]?.there) return;
  const { host, pathname } = new URL(databaseUrl);
  throw new SetupError(
    `the database ${pathname.slice(1)} at ${host} has no schema projection; run \`npm start\` once with this DATABASE_URL, which makes it`,
  );
}
