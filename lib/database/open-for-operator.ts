import { SetupError } from '../common/errors.ts';
import type { Database } from './database.ts';
import type { DatabaseAddress } from './database-address.ts';
import { doesNotAnswer, nameOf } from './drivers/pg/describe-unreachable.ts';
import { type CreateSecretReader, openAddress } from './open-from-environment.ts';

/** What an operator asks for may take hours, such as an index on a large table. */
const STATEMENT_TIMEOUT_MS = 24 * 60 * 60 * 1000;

const FIND_TABLES = `
SELECT count(*) AS there FROM pg_tables WHERE schemaname = 'projection' AND tablename = 'records'`;

/** A server for the operator's commands. Connects when first asked something. */
export function openForOperator(address: DatabaseAddress, createReader: CreateSecretReader): Database {
  return openAddress(address, createReader, { maxConnections: 2, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
}

/** @throws {SetupError} the server does not answer, or has no tables of ours: a command does not make them */
export async function requireTables(database: Database, address: DatabaseAddress): Promise<void> {
  const { rows } = await database.query<{ there: number }>(FIND_TABLES).catch((error: unknown) => {
    throw doesNotAnswer(address, error);
  });
  if (rows[0]?.there) return;
  const todo =
    address.kind === 'postgresql'
      ? 'run `npm start` once with this DATABASE_URL, which makes it, or `npm run deploy`'
      : '`npm run deploy` makes it';
  throw new SetupError(`${nameOf(address)} has no schema projection; ${todo}`);
}
