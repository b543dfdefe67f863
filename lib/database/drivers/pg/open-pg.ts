import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  type Database,
  DatabaseError,
  type QueryResult,
  type SqlValue,
  type Transaction,
  toDatabaseError,
} from '../../database.ts';
import { runTransaction } from './run-transaction.ts';

// Serialization failure and deadlock: the server rolled back the statement and asks for a retry. Aurora DSQL's
// connector treats the last two, data and schema conflicts, the same way.
const RETRYABLE = new Set(['40001', '40P01', 'OC000', 'OC001']);
const ATTEMPTS = 5;
const NETWORK_GRACE_MS = 5_000;

export interface PoolOptions {
  maxConnections?: number;
  connectTimeoutMs?: number;
  statementTimeoutMs?: number;
}

export interface PgOptions extends PoolOptions {
  connectionString: string;
}

const DEFAULT_STATEMENT_TIMEOUT_MS = 45_000;

/** Opens a PostgreSQL server (14 or newer) behind a connection pool. Connects on the first query. */
export function openPg({ connectionString, ...options }: PgOptions): Database {
  return openOnPool(new pg.Pool({ ...serverSettings(options), connectionString }), options);
}

/** Returns the settings of a pool for PostgreSQL, except location and login. */
export function serverSettings(options: PoolOptions): pg.PoolConfig {
  const { statementTimeoutMs = DEFAULT_STATEMENT_TIMEOUT_MS } = options;
  return {
    ...poolSettings(options),
    statement_timeout: statementTimeoutMs,
    application_name: 'cognito-sync-backend',
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
    query: (sql, values) => withRetry(() => run(pool, sql, values)),
    transaction: (work) => withRetry(() => runOnOneClient(pool, work, statementTimeoutMs)),
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

async function run<Row>(
  on: pg.Pool | pg.PoolClient,
  sql: string,
  values: readonly SqlValue[] = [],
): Promise<QueryResult<Row>> {
  try {
    const { command, rows, rowCount } = await on.query(toQuery(sql, values));
    return { rows, rowsChanged: command === 'SELECT' ? 0 : (rowCount ?? 0) };
  } catch (error) {
    throw toDatabaseError(error);
  }
}

/**
 * Prepares only statements that have values: these are our own and run repeatedly. The server then parses and plans
 * them once per connection, a large part of the time of long statements.
 */
function toQuery(text: string, values: readonly SqlValue[]): pg.QueryConfig {
  return values.length === 0 ? { text } : { name: statementName(text), text, values: [...values] };
}

/**
 * Names of prepared statements by text. Our statements are few, and hashing a long one takes as long as sending it.
 */
const statementNames = new Map<string, string>();
const MAX_NAMES = 1_000;

function statementName(text: string): string {
  const known = statementNames.get(text);
  if (known !== undefined) return known;
  const name = hash('sha256', text, 'base64url');
  if (statementNames.size >= MAX_NAMES) statementNames.clear();
  statementNames.set(text, name);
  return name;
}

async function runOnOneClient<Result>(
  pool: pg.Pool,
  work: (transaction: Transaction) => Promise<Result>,
  timeoutMs: number,
): Promise<Result> {
  const client = await pool.connect().catch((error: unknown) => {
    throw toDatabaseError(error);
  });
  const late = Promise.withResolvers<never>();
  let broken = false;
  // While the client is checked out, the pool does not listen for its errors. An `error` event without a listener
  // ends the process.
  const onError = () => {
    broken = true;
  };
  client.on('error', onError);
  const deadline = setTimeout(() => {
    broken = true;
    late.reject(new DatabaseError(`transaction timed out after ${timeoutMs} ms`, '57014'));
  }, timeoutMs);
  const session = {
    query: <Row>(sql: string, values?: readonly SqlValue[]) => run<Row>(client, sql, values),
    abandon: onError,
  };
  try {
    return await Promise.race([runTransaction(session, work), late.promise]);
  } finally {
    clearTimeout(deadline);
    // A broken client may emit another error while it closes. The server rolls back the open transaction when the
    // connection ends.
    if (!broken) client.removeListener('error', onError);
    client.release(broken);
  }
}

/** Parses `bigint` as a number: all of ours (counts, milliseconds) are below 2^53. */
function getTypeParser(type: number, format?: 'text' | 'binary') {
  return type === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(type, format);
}
