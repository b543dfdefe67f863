import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, DatabaseError } from './database.ts';
import { READER_ROLE } from './reader-role.ts';

const DIRECTORY = new URL('./migrations/', import.meta.url);

const CREATE_LEDGER = [
  'CREATE SCHEMA IF NOT EXISTS projection',
  `CREATE TABLE IF NOT EXISTS projection.migrations (
     name text PRIMARY KEY, started_at timestamptz NOT NULL, completed_at timestamptz)`,
];

/**
 * Brings a database to the current schema: runs each file of `migrations/` that is not recorded as completed, in
 * the order of their names. Each statement is its own transaction and can be run again, so that a run that was
 * cut off, or one beside another, ends in the same schema.
 *
 * @returns the names of the migrations that were run
 * @throws {DatabaseError} a statement failed; run again once the cause is mended
 */
export async function migrate(database: Database): Promise<string[]> {
  for (const statement of CREATE_LEDGER) await run(database, statement);
  await createReaderRole(database);
  const { rows } = await database.query<{ name: string }>(
    'SELECT name FROM projection.migrations WHERE completed_at IS NOT NULL',
  );
  const completed = new Set(rows.map(({ name }) => name));
  const files = (await readdir(DIRECTORY)).filter((file) => file.endsWith('.sql')).sort();
  const pending = files.filter((file) => !completed.has(file));
  for (const file of pending) await runMigration(database, file);
  return pending;
}

async function runMigration(database: Database, file: string): Promise<void> {
  await database.query(
    'INSERT INTO projection.migrations (name, started_at) VALUES ($1, now()) ON CONFLICT (name) DO NOTHING',
    [file],
  );
  for (const statement of splitStatements(await readFile(new URL(file, DIRECTORY), 'utf8'))) {
    await run(database, statement);
  }
  await database.query('UPDATE projection.migrations SET completed_at = now() WHERE name = $1', [file]);
}

/** A statement ends with a semicolon at the end of a line. */
function splitStatements(sql: string): string[] {
  return sql
    .split(/;[ \t]*$/m)
    .map((statement) => statement.replace(/^--.*$/gm, '').trim())
    .filter((statement) => statement !== '');
}

/** The role is the server's, not the database's: it may be there, made by another of its databases. */
async function createReaderRole(database: Database): Promise<void> {
  const { rows } = await database.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [READER_ROLE]);
  if (rows.length > 0) return;
  await run(database, `CREATE ROLE ${READER_ROLE} NOLOGIN`);
}

// Two sessions that create or replace one object at once: PostgreSQL tells the slower one that it is there already
// (of four kinds of objects), or that its catalogues changed underneath, and then another try finds it there.
const ALREADY_THERE = new Set(['42P06', '42P07', '42710', '42723']);
const CHANGED_UNDERNEATH = new Set(['23505', 'XX000', '40P01', '40001']);
const ATTEMPTS = 10;

async function run(database: Database, statement: string): Promise<void> {
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
