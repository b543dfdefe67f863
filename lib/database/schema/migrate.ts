import { type Database, DatabaseError, MigrationError } from '../database.ts';
import { awaitIndexes } from './await-indexes.ts';
import { type Migration, readMigrations } from './read-migrations.ts';
import { requireUtf8 } from './require-utf8.ts';
import { createRole, READER_ROLE } from './roles.ts';
import { runDefinition } from './run-definition.ts';

const CREATE_LEDGER = [
  'CREATE SCHEMA IF NOT EXISTS projection',
  `CREATE TABLE IF NOT EXISTS projection.migrations (
     name text PRIMARY KEY, started_at timestamptz NOT NULL, completed_at timestamptz)`,
];

/**
 * Migrates a database to the current schema. It runs the files of `migrations/` that are not recorded as completed, in
 * the order of their names. Each statement is idempotent and runs in its own transaction. So interrupted and concurrent
 * runs end in the same schema as a single run. Old code still works with the new schema, because migrations only add.
 * They never change or remove anything.
 *
 * @param onSkipped called with each statement that Aurora DSQL rejects; only statements that our code does not need are
 *   skipped
 * @returns the names of the migrations that ran
 * @throws {UnsupportedDatabaseError} the database's encoding is not UTF8; nothing was changed
 * @throws {MigrationError} a statement failed; run again after the cause is fixed
 */
export async function migrate(
  database: Database,
  onSkipped: (statement: string) => void = () => undefined,
): Promise<string[]> {
  await requireUtf8(database);
  for (const statement of CREATE_LEDGER) await runDefinition(database, statement);
  await createRole(database, READER_ROLE);
  const { rows } = await database.query<{ name: string }>(
    'SELECT name FROM projection.migrations WHERE completed_at IS NOT NULL',
  );
  const completed = new Set(rows.map(({ name }) => name));
  const pending = (await readMigrations()).filter(({ name }) => !completed.has(name));
  for (const migration of pending) {
    await runMigration(database, migration, onSkipped).catch((error: unknown) => {
      throw toMigrationError(migration, error);
    });
  }
  return pending.map(({ name }) => name);
}

async function runMigration(
  database: Database,
  { name, sql }: Migration,
  onSkipped: (statement: string) => void,
): Promise<void> {
  await database.query(
    'INSERT INTO projection.migrations (name, started_at) VALUES ($1, now()) ON CONFLICT (name) DO NOTHING',
    [name],
  );
  for (const statement of splitStatements(sql)) {
    await runDefinition(database, statement).catch((error: unknown) => {
      if (!isRejectedHelper(database, statement, error)) throw error;
      onSkipped(statement);
    });
  }
  if (database.dialect === 'dsql') await awaitIndexes(database);
  await database.query('UPDATE projection.migrations SET completed_at = now() WHERE name = $1', [name]);
}

// Matches the statements that define helper functions for people who write queries. Our own code does not need these
// functions. The statements may fail on Aurora DSQL: its documentation says that SQL functions exist, but gives no
// details.
const HELPER_FUNCTION = /^(CREATE OR REPLACE FUNCTION|REVOKE ALL ON FUNCTION|GRANT EXECUTE ON FUNCTION)\b/;
/** SQLSTATEs of a rejected statement: not supported, syntax error, or a function whose creation was rejected before. */
const REJECTED = new Set(['0A000', '42601', '42883']);

function isRejectedHelper({ dialect }: Database, statement: string, error: unknown): boolean {
  const code = error instanceof DatabaseError ? error.code : undefined;
  return dialect === 'dsql' && HELPER_FUNCTION.test(statement) && REJECTED.has(code ?? '');
}

function toMigrationError({ name }: Migration, error: unknown): unknown {
  return error instanceof DatabaseError ? new MigrationError(name, error) : error;
}

/** Splits a file into statements. A statement ends with a semicolon at the end of a line. */
export function splitStatements(sql: string): string[] {
  return sql
    .split(/;[ \t]*$/m)
    .map((statement) => statement.replace(/^--.*$/gm, '').trim())
    .filter((statement) => statement !== '');
}
