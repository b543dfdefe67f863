import { type Database, DatabaseError, MigrationError } from '../database.ts';
import { awaitIndexes } from './await-indexes.ts';
import { type Migration, readMigrations } from './read-migrations.ts';
import { createRole, READER_ROLE } from './roles.ts';
import { runDefinition } from './run-definition.ts';

const CREATE_LEDGER = [
  'CREATE SCHEMA IF NOT EXISTS projection',
  `CREATE TABLE IF NOT EXISTS projection.migrations (
     name text PRIMARY KEY, started_at timestamptz NOT NULL, completed_at timestamptz)`,
];

/**
 * Brings a database to the current schema: runs each file of `migrations/` that is not recorded as completed, in
 * the order of their names. Each statement is its own transaction and can be run again, so that a run that was
 * cut off, or one beside another, ends in the same schema. Old code works with it as well as new code does: what is there
 * is added to, never changed or taken away.
 *
 * @param onSkipped told of each statement that Aurora DSQL refuses and that nothing of ours depends on
 * @returns the names of the migrations that were run
 * @throws {MigrationError} a statement failed; run again once the cause is mended
 */
export async function migrate(
  database: Database,
  onSkipped: (statement: string) => void = () => undefined,
): Promise<string[]> {
  for (const statement of CREATE_LEDGER) await runDefinition(database, statement);
  await createRole(database, READER_ROLE);
  const { rows } = await database.query<{ name: string }>(
    'SELECT name FROM projection.migrations WHERE completed_at IS NOT NULL',
  );
  const completed = new Set(rows.map(({ name }) => name));
  const pending = (await readMigrations()).filter(({ name }) => !completed.has(name));
  for (const migration of pending) {
    await runMigration(database, migration, onSkipped).catch((error: unknown) => {
      throw ofMigration(migration, error);
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
      if (!isRefusedConvenience(database, statement, error)) throw error;
      onSkipped(statement);
    });
  }
  if (database.dialect === 'dsql') await awaitIndexes(database);
  await database.query('UPDATE projection.migrations SET completed_at = now() WHERE name = $1', [name]);
}

// Functions for those who write queries: Aurora DSQL documents that there are functions in SQL, and no more of them.
const CONVENIENCE = /^(CREATE OR REPLACE FUNCTION|REVOKE ALL ON FUNCTION|GRANT EXECUTE ON FUNCTION)\b/;
/** Not supported, not understood, or a function that is not there, as making it was refused. */
const REFUSED = new Set(['0A000', '42601', '42883']);

function isRefusedConvenience({ dialect }: Database, statement: string, error: unknown): boolean {
  const code = error instanceof DatabaseError ? error.code : undefined;
  return dialect === 'dsql' && CONVENIENCE.test(statement) && REFUSED.has(code ?? '');
}

function ofMigration({ name }: Migration, error: unknown): unknown {
  return error instanceof DatabaseError ? new MigrationError(name, error) : error;
}

/** A statement ends with a semicolon at the end of a line. */
export function splitStatements(sql: string): string[] {
  return sql
    .split(/;[ \t]*$/m)
    .map((statement) => statement.replace(/^--.*$/gm, '').trim())
    .filter((statement) => statement !== '');
}
