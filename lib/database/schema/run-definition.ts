import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, DatabaseError } from '../database.ts';
import { inDialect } from '../dialect.ts';

// Two sessions that create or replace one object at once: PostgreSQL tells the slower one that it is there already
// (of four kinds of objects), or that its catalogues changed underneath, and then another try finds it there.
const ALREADY_THERE = new Set(['42P06', '42P07', '42710', '42723']);
const CHANGED_UNDERNEATH = new Set(['23505', 'XX000', '40P01', '40001']);
const ATTEMPTS = 10;

/**
 * Runs a statement that makes, alters or grants something, in the database's dialect. Run again, or beside another
 * session that runs it, it ends in the same schema.
 *
 * @throws {DatabaseError} the database refuses it
 */
export async function runDefinition(database: Database, words: string): Promise<void> {
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
