import { setTimeout as sleep } from 'node:timers/promises';
import { awaitIndexes } from './await-indexes.ts';
import { type Database, DatabaseError } from './database.ts';
import { inDialect } from './dialect.ts';
import { type Migration, readMigrations } from './read-migrations.ts';
import { READER_ROLE } from './reader-role.ts';

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
 * @throws {DatabaseError} a statement failed, with the name of its migration; run again once the cause is mended
 */
export async function migrate(
  database: Database,
  onSkipped: (statement: string) => void = () => undefined,
): Promise<string[]> {
  for (const statement of CREATE_LEDGER) await run(database, statement);
  await createReaderRole(database);
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
    await run(database, statement).catch((error: unknown) => {
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
  if (!(error instanceof DatabaseError)) return error;
  return new DatabaseError(`the migration ${name} failed: ${error.message}`, error.code, { cause: error });
}

/** A statement ends with a semicolon at the end of a line. */
export function splitStatements(sql: string): string[] {
  return sql
    .split(/;[ \t]*$/m)
    .map((statement) => statement.replace(/^--.*$/gm, '').trim())
    .filter((statement) => statement !== '');
}

/** The role is the server's, not the database's: it may be there, made by another of its databases. */
async function createReaderRole(database: Database): Promise<void> {
  const { rows } = await database.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [READER_ROLE]);
  if (rows.length > 0) return;
  // Without LOGIN, nobody logs in as it.
  await run(database, `CREATE ROLE ${READER_ROLE}`);
}

// Two sessions that create or replace one object at once: PostgreSQL tells the slower one that it is there already
// (of four kinds of objects), or that its catalogues changed underneath, and then another try finds it there.
const ALREADY_THERE = new Set(['42P06', '42P07', '42710', '42723']);
const CHANGED_UNDERNEATH = new Set(['23505', 'XX000', '40P01', '40001']);
const ATTEMPTS = 10;

async function run(database: Database, words: string): Promise<void> {
  const statement = inDialect(database.dialect, words);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await database.query(statement);
      return;
    } catch (error) {
      const { code = '', message } = error instanceof DatabaseError ? error : { message: '' };
      if (ALREADY_THERE.has(code)) return;
      if (code === '42P16' && message.includes('cannot drop columns from view')) return;
      if (!CHANGED_UNDERNEATH.has(code) || attempt === ATTEMPTS) throw error;
      // Sessions that try again at once are in each other's way again.
      await sleep(Math.random() * 20 * attempt);
    }
  }
}
