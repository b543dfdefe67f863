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

// Serialization failure and deadlock: the statement was taken back, and the server asks for another try. Aurora DSQL's
// connector takes the last two, of data and of the schema, for the same.
const TRY_AGAIN = new Set(['40001', '40P01', 'OC000', 'OC001']);
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

/** A PostgreSQL server (14 or newer) behind a pool. Connects when first asked something. */
export function openPg({ connectionString, ...options }: PgOptions): Database {
  return openOnPool(new pg.Pool({ ...serverSettings(options), connectionString }), options);
}

/** What a pool of a PostgreSQL server is told besides where it is, and as whom. */
export function serverSettings(options: PoolOptions): pg.PoolConfig {
  const { statementTimeoutMs = DEFAULT_STATEMENT_TIMEOUT_MS } = options;
  return {
    ...poolSettings(options),
    statement_timeout: statementTimeoutMs,
    application_name: 'cognito-sync-backend',
  };
}

/** What is the same for every server: all that a pool is told but for where it is, and as whom. */
export function poolSettings({
  maxConnections = 4,
  connectTimeoutMs = 5_000,
  statementTimeoutMs = DEFAULT_STATEMENT_TIMEOUT_MS,
}: PoolOptions): pg.PoolConfig {
  return {
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    // The server ends a statement, but not one whose answer the network has swallowed.
    query_timeout: statementTimeoutMs + NETWORK_GRACE_MS,
    keepAlive: true,
    types: { getTypeParser },
  };
}

/** A `Database` on a pool, which is closed with it. */
export function openOnPool(
  pool: pg.Pool,
  { statementTimeoutMs = DEFAULT_STATEMENT_TIMEOUT_MS }: PoolOptions,
): Database {
  // A connection that breaks while idle is dropped by the pool; the next statement gets another one.
  pool.on('error', () => undefined);

  return {
    query: (sql, values) => retried(() => run(pool, sql, values)),
    transaction: (work) => retried(() => runOnOneClient(pool, work, statementTimeoutMs)),
    close: () => pool.end(),
  };
}

/** Both a statement and a transaction that the server took back had no effect. */
async function retried<Result>(attemptOnce: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptOnce();
    } catch (error) {
      const again = error instanceof DatabaseError && TRY_AGAIN.has(error.code ?? '');
      if (!again || attempt === ATTEMPTS) throw error;
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
 * A statement with values is one of ours that comes again and again: prepared, the server parses and plans it once a
 * connection, which for the long ones is a good part of their time.
 */
function toQuery(text: string, values: readonly SqlValue[]): pg.QueryConfig {
  return values.length === 0 ? { text } : { name: statementName(text), text, values: [...values] };
}

/** Our statements are few, and hashing a long one takes as long as sending it. */
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
  // Nobody else listens while the client is out of the pool, and an error without a listener ends the process.
  const onError = () => {
    broken = true;
  };
  client.on('error', onError);
  const deadline = setTimeout(() => {
    broken = true;
    late.reject(new DatabaseError(`transaction ended after ${timeoutMs} ms`, '57014'));
  }, timeoutMs);
  const session = {
    query: <Row>(sql: string, values?: readonly SqlValue[]) => run<Row>(client, sql, values),
    abandon: onError,
  };
  try {
    return await Promise.race([runTransaction(session, work), late.promise]);
  } finally {
    clearTimeout(deadline);
    // A broken one may still fail while it is closed. The server takes back what it left open once it is gone.
    if (!broken) client.removeListener('error', onError);
    client.release(broken);
  }
}

/** `bigint` as number: every one of ours (counts, milliseconds) is below 2^53. */
function getTypeParser(type: number, format?: 'text' | 'binary') {
  return type === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(type, format);
}
