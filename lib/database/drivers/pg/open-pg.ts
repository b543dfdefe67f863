import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DatabaseError } from '../../database.ts';
import type { Dialect } from '../../dialect.ts';
import type { ReadDatabase } from '../../read-sql.ts';
import { createWaitingLine } from '../../waiting-line.ts';
import { parseTimestamp } from './parse-timestamp.ts';
import { prepareConnection, type Timeouts } from './prepare-connection.ts';
import { readSqlOnPool } from './read-sql.ts';
import { NETWORK_GRACE_MS, runStatement, runWork } from './run-on-pool.ts';

// SQLSTATEs after which the server has rolled back the statement and asks for a retry: serialization failure, deadlock,
// and Aurora DSQL's data conflict and schema conflict. Aurora DSQL's own connector also retries the last two.
const RETRYABLE = new Set(['40001', '40P01', 'OC000', 'OC001']);
const DEFAULT_ATTEMPTS = 5;
const DEFAULT_MAX_RETRY_DELAY_MS = 1_000;

export interface PoolOptions extends Partial<Timeouts> {
  /** The name of the sessions, which the server shows to its operator. Default: the name of the program. */
  sessionName?: string;
  maxConnections?: number;
  /** Maximum number of statements and transactions that wait for a connection. Default: no limit. */
  maxWaiting?: number;
  /** Maximum time for which a statement or transaction waits for a connection of the pool. Default: no limit. */
  maxWaitMs?: number;
  /** Timeout for opening a new connection. Does not include the wait for a connection of the pool. */
  connectTimeoutMs?: number;
  /** Maximum attempts of a statement or transaction that the server asks to retry. Default: 5. */
  attempts?: number;
  /**
   * Maximum age of a connection that is used. An older connection is closed instead. The limit of each connection is
   * lower by a random part, up to a tenth, so that not all connections are replaced at once. Default: no limit.
   */
  maxConnectionAgeMs?: number;
  /** How long the pool keeps an idle connection. Its timer does not run while Lambda freezes the process. Default: 10 s. */
  idleTimeoutMs?: number;
  /** Returns the current time in epoch milliseconds. */
  now?: () => number;
  /** Maximum time between two attempts. Default: 1 s. */
  maxRetryDelayMs?: number;
}

export interface PgOptions extends PoolOptions {
  connectionString: string;
}

const DEFAULT_MAX_CONNECTIONS = 4;
const DEFAULT_IDLE_TIMEOUT_MS = 10_000;
/**
 * A connection that was idle for longer than this is not used again. While Lambda freezes a process, no timer closes its
 * connections, but a network device may drop a connection without notice. AWS Network Firewall does so after 350 s by
 * default. Source: AWS Network Firewall API Reference, FlowTimeouts.
 */
export const MAX_IDLE_MS = 5 * 60 * 1000;
const DEFAULT_TIMEOUTS: Timeouts = {
  statementTimeoutMs: 45_000,
  /**
   * Our own statements lock rows for milliseconds. A lock that is held longer belongs to another program. Statements
   * must not occupy the connections of the pool while they wait for such a lock.
   */
  lockTimeoutMs: 10_000,
};

/**
 * Opens a PostgreSQL server (14 or newer) behind a connection pool of this process. The first query connects, either
 * directly or through a pooler such as PgBouncer.
 */
export function openPg({ connectionString, ...options }: PgOptions): ReadDatabase {
  return openOnPool(new pg.Pool({ ...serverSettings(options), connectionString }), options);
}

/** Returns the settings of a connection pool for PostgreSQL, except the server's address and the login. */
export function serverSettings(options: PoolOptions): pg.PoolConfig {
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options };
  return {
    ...poolSettings(options),
    application_name: options.sessionName ?? 'cognito-sync-backend',
    onConnect: (client) => prepareConnection(client, timeouts),
  };
}

/** Returns those settings of a connection pool that are the same for PostgreSQL and Aurora DSQL. */
export function poolSettings({
  maxConnections = DEFAULT_MAX_CONNECTIONS,
  connectTimeoutMs = 5_000,
  statementTimeoutMs = DEFAULT_TIMEOUTS.statementTimeoutMs,
  idleTimeoutMs = DEFAULT_IDLE_TIMEOUT_MS,
}: PoolOptions): pg.PoolConfig {
  return {
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    // The server cancels a slow statement. This timeout is for a response that was lost on the network.
    query_timeout: statementTimeoutMs + NETWORK_GRACE_MS,
    keepAlive: true,
    types: { getTypeParser },
  };
}

/** Creates a `Database` on a connection pool. Closing the `Database` closes the pool. */
export function openOnPool(
  pool: pg.Pool,
  {
    maxConnections = DEFAULT_MAX_CONNECTIONS,
    maxWaiting,
    maxWaitMs,
    attempts = DEFAULT_ATTEMPTS,
    maxConnectionAgeMs = Number.POSITIVE_INFINITY,
    now = Date.now,
    maxRetryDelayMs = DEFAULT_MAX_RETRY_DELAY_MS,
    ...options
  }: PoolOptions,
  dialect?: Dialect,
): ReadDatabase {
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options };
  const endOfUse = new WeakMap<pg.PoolClient, number>();
  const usedAt = new WeakMap<pg.PoolClient, number>();
  pool.on('connect', (client) => {
    endOfUse.set(client, now() + maxConnectionAgeMs * (1 - Math.random() / 10));
  });
  pool.on('release', (_error, client) => usedAt.set(client, now()));
  const source = {
    pool,
    isOld: (client: pg.PoolClient) =>
      (endOfUse.get(client) ?? now()) < now() || now() - (usedAt.get(client) ?? now()) > MAX_IDLE_MS,
  };
  const retry = { attempts, maxDelayMs: maxRetryDelayMs };
  // Statements wait here, not in the pool, whose timeout would count the wait as a part of connecting.
  const line = createWaitingLine({ maxRunning: maxConnections, maxWaiting, maxWaitMs });
  // If a connection breaks while it is idle, the pool drops it. The next statement uses another connection.
  pool.on('error', () => undefined);

  return {
    query: (sql, values) =>
      withRetry(retry, () => line.run(() => runStatement(source, sql, values, timeouts))),
    transaction: (work) => withRetry(retry, () => line.run(() => runWork(source, work, timeouts))),
    load: line.load,
    readSql: (sql, limits) => line.run(() => readSqlOnPool(source, sql, { ...limits, dialect })),
    close: () => pool.end(),
  };
}

/** Retries a statement or transaction if the server has rolled it back, because then it had no effect. */
async function withRetry<Result>(
  { attempts, maxDelayMs }: { attempts: number; maxDelayMs: number },
  attemptOnce: () => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptOnce();
    } catch (error) {
      const isRetryable = error instanceof DatabaseError && RETRYABLE.has(error.code ?? '');
      if (!isRetryable || attempt === attempts) throw error;
      // The random time spreads the transactions that have conflicted with each other.
      await sleep(Math.random() * Math.min(2 ** attempt * 20, maxDelayMs));
    }
  }
}

/** Parses `bigint` as a number. All of our bigint values, such as counts and milliseconds, are below 2^53. */
function getTypeParser(type: number, format?: 'text' | 'binary') {
  if (type === pg.types.builtins.INT8) return Number;
  if (type === pg.types.builtins.TIMESTAMPTZ) return parseTimestamp;
  return pg.types.getTypeParser(type, format);
}
