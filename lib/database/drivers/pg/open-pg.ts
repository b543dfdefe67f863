import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Database, DatabaseError } from '../../database.ts';
import { prepareConnection } from './prepare-connection.ts';
import { NETWORK_GRACE_MS, runStatement, runWork } from './run-on-pool.ts';

// Serialization failure and deadlock: the server rolled back the statement and asks for a retry. Aurora DSQL's
// connector treats the last two, data and schema conflicts, the same way.
const RETRYABLE = new Set(['40001', '40P01', 'OC000', 'OC001']);
const ATTEMPTS = 5;

export interface PoolOptions {
  maxConnections?: number;
  connectTimeoutMs?: number;
  statementTimeoutMs?: number;
}

export interface PgOptions extends PoolOptions {
  connectionString: string;
}

const DEFAULT_STATEMENT_TIMEOUT_MS = 45_000;

/**
 * Opens a PostgreSQL server (14 or newer) behind a connection pool of this process. Connects on the first query,
 * directly or through a pooler such as PgBouncer.
 */
export function openPg({ connectionString, ...options }: PgOptions): Database {
  return openOnPool(new pg.Pool({ ...serverSettings(options), connectionString }), options);
}

/** Returns the settings of a pool for PostgreSQL, except location and login. */
export function serverSettings(options: PoolOptions): pg.PoolConfig {
  const { statementTimeoutMs = DEFAULT_STATEMENT_TIMEOUT_MS } = options;
  return {
    ...poolSettings(options),
    application_name: 'cognito-sync-backend',
    onConnect: (client) => prepareConnection(client, statementTimeoutMs),
  };
}

/** Returns the pool settings that all servers share: everything except location and login. */
export function poolSettings({
  maxConnections = 4,
  connectTimeoutMs = 5_000,
  statementTimeoutMs = DEFAULT_STATEMENT_TIMEOUT_MS,
}: PoolOptions): pg.PoolConfig {
  return {
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    // The server cancels a slow statement. This timeout covers a response that was lost on the network.
    query_timeout: statementTimeoutMs + NETWORK_GRACE_MS,
    keepAlive: true,
    types: { getTypeParser },
  };
}

/** Creates a `Database` on a pool. Closing it closes the pool. */
export function openOnPool(
  pool: pg.Pool,
  { statementTimeoutMs = DEFAULT_STATEMENT_TIMEOUT_MS }: PoolOptions,
): Database {
  // The pool drops a connection that breaks while idle. The next statement uses another one.
  pool.on('error', () => undefined);

  return {
    query: (sql, values) => withRetry(() => runStatement(pool, sql, values, statementTimeoutMs)),
    transaction: (work) => withRetry(() => runWork(pool, work, statementTimeoutMs)),
    close: () => pool.end(),
  };
}

/** Retries a statement or transaction that the server rolled back, so that it had no effect. */
async function withRetry<Result>(attemptOnce: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptOnce();
    } catch (error) {
      const isRetryable = error instanceof DatabaseError && RETRYABLE.has(error.code ?? '');
      if (!isRetryable || attempt === ATTEMPTS) throw error;
      await sleep(2 ** attempt * (5 + Math.random() * 5));
    }
  }
}

/** Parses `bigint` as a number: all of ours (counts, milliseconds) are below 2^53. */
function getTypeParser(type: number, format?: 'text' | 'binary') {
  return type === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(type, format);
}
