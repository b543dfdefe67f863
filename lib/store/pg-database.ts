import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  type Database,
  DatabaseError,
  type QueryResult,
  type SqlValue,
  toDatabaseError,
} from './database.ts';

// Serialization failure and deadlock: the statement was taken back, and the server asks for another try.
const TRY_AGAIN = new Set(['40001', '40P01']);
const ATTEMPTS = 5;

export interface PgOptions {
  connectionString: string;
  maxConnections?: number;
  connectTimeoutMs?: number;
  statementTimeoutMs?: number;
}

/** A PostgreSQL server (14 or newer) behind a pool. Connects when first asked something. */
export function openPg({
  connectionString,
  maxConnections = 4,
  connectTimeoutMs = 5_000,
  statementTimeoutMs = 60_000,
}: PgOptions): Database {
  const pool = new pg.Pool({
    connectionString,
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    application_name: 'cognito-sync-backend',
    types: { getTypeParser },
  });
  // A connection that breaks while idle is dropped by the pool; the next statement gets another one.
  pool.on('error', () => undefined);

  async function query<Row>(sql: string, values: readonly SqlValue[] = []): Promise<QueryResult<Row>> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { command, rows, rowCount } = await pool.query(sql, [...values]);
        return { rows, rowsChanged: command === 'SELECT' ? 0 : (rowCount ?? 0) };
      } catch (cause) {
        const error = toDatabaseError(cause);
        const again = error instanceof DatabaseError && TRY_AGAIN.has(error.code ?? '');
        if (!again || attempt === ATTEMPTS) throw error;
        await sleep(2 ** attempt * (5 + Math.random() * 5));
      }
    }
  }

  return { query, close: () => pool.end() };
}

/** `bigint` as number: every one of ours (counts, milliseconds) is below 2^53. */
function getTypeParser(type: number, format?: 'text' | 'binary') {
  return type === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(type, format);
}
