import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, DatabaseError } from '../database.ts';
import { inDialect } from '../dialect.ts';

// When two sessions create or replace the same object concurrently, PostgreSQL fails the statement of the slower
// session. The error says either that the object exists (one code for each of four object types) or that the catalogs
// changed concurrently. In the second case, a retry finds the object.
const ALREADY_EXISTS = new Set(['42P06', '42P07', '42710', '42723']);
const CONCURRENT_CHANGE = new Set(['23505', 'XX000', '40P01', '40001']);
const ATTEMPTS = 10;

/**
 * Runs a statement that creates, alters or grants, in the database's dialect. Such a statement must be idempotent:
 * running it again, or concurrently in another session, results in the same schema.
 *
 * @throws {DatabaseError} the database rejects the statement
 */
export async function runDefinition(database: Database, sql: string): Promise<void> {
  const statement = inDialect(database.dialect, sql);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await database.query(statement);
      return;
    } catch (error) {
      const { code = '', message } = error instanceof DatabaseError ? error : { message: '' };
      if (ALREADY_EXISTS.has(code)) return;
      if (code === '42P16' && message.includes('cannot drop columns from view')) return;
      if (!CONCURRENT_CHANGE.has(code) || attempt === ATTEMPTS) throw error;
      // Wait for a random time, because sessions that retry immediately would conflict again.
      await sleep(Math.random() * 20 * attempt);
    }
  }
}
