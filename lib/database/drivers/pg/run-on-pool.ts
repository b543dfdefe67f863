import { hash } from 'node:crypto';
import type pg from 'pg';
import {
  DatabaseError,
  type QueryResult,
  type SqlValue,
  type Transaction,
  toDatabaseError,
} from '../../database.ts';
import { isThroughPooler, setTimeouts, type Timeouts } from './prepare-connection.ts';
import { type ClientSession, runTransaction } from './run-transaction.ts';

/**
 * The client's timeout is this much longer than the server's. The client's timeout ends a statement whose answer was
 * lost.
 */
export const NETWORK_GRACE_MS = 5_000;

/** SQLSTATE of a statement that cannot run in a transaction block, such as CREATE INDEX CONCURRENTLY. */
const NOT_IN_TRANSACTION = '25001';

/** A connection pool, and which of its connections must not be used any more. */
export interface ConnectionSource {
  pool: pg.Pool;
  isOld: (client: pg.PoolClient) => boolean;
}

/**
 * Runs one statement on a connection of the pool.
 *
 * @throws as `Database.query` does
 */
export function runStatement<Row>(
  source: ConnectionSource,
  sql: string,
  values: readonly SqlValue[] | undefined,
  timeouts: Timeouts,
): Promise<QueryResult<Row>> {
  return withClient(source, async (client, abandon) => {
    try {
      return isThroughPooler(client)
        ? await runThroughPooler<Row>(client, sql, values, timeouts, abandon)
        : await run<Row>(client, sql, values);
    } catch (error) {
      // After a client-side timeout of pg, the statement may still be running, so the connection is closed.
      abandon();
      throw error;
    }
  });
}

/**
 * Runs `work` in a transaction on a connection of the pool.
 *
 * @throws as `Database.transaction` does
 */
export function runWork<Result>(
  source: ConnectionSource,
  work: (transaction: Transaction) => Promise<Result>,
  timeouts: Timeouts,
): Promise<Result> {
  return withClient(source, (client, abandon) =>
    runWithin(timeouts.statementTimeoutMs, abandon, sessionOn(client, timeouts, abandon), work),
  );
}

/**
 * Runs one statement in a transaction block. Timeouts that are set outside of a transaction block would affect
 * other clients of the pooler. The block takes two more round trips. A statement that cannot run in a block runs again
 * without one.
 */
async function runThroughPooler<Row>(
  client: pg.PoolClient,
  sql: string,
  values: readonly SqlValue[] | undefined,
  timeouts: Timeouts,
  abandon: () => void,
): Promise<QueryResult<Row>> {
  const session = sessionOn(client, timeouts, abandon);
  try {
    return await runWithin(timeouts.statementTimeoutMs + NETWORK_GRACE_MS, abandon, session, (transaction) =>
      transaction.query<Row>(sql, values),
    );
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== NOT_IN_TRANSACTION) throw error;
    return run<Row>(client, sql, values);
  }
}

/** Checks out a connection. After `use`, closes the connection if `use` called `abandon` or the connection broke. */
export async function withClient<Result>(
  source: ConnectionSource,
  use: (client: pg.PoolClient, abandon: () => void) => Promise<Result>,
): Promise<Result> {
  const client = await checkOut(source);
  let isBroken = false;
  const abandon = () => {
    isBroken = true;
  };
  // While the client is checked out, the pool does not listen for its errors. An `error` event without a listener
  // ends the process.
  client.on('error', abandon);
  try {
    return await use(client, abandon);
  } finally {
    // A broken client keeps the listener, because it may emit another error while it closes. The server rolls back the
    // open transaction when the connection ends.
    if (!isBroken) client.removeListener('error', abandon);
    client.release(isBroken);
  }
}

/** Checks out a connection. Closes each connection that is too old, and then checks out another connection. */
async function checkOut({ pool, isOld }: ConnectionSource): Promise<pg.PoolClient> {
  for (;;) {
    const client = await pool.connect().catch((error: unknown) => {
      throw toDatabaseError(error);
    });
    if (!isOld(client)) return client;
    client.release(true);
  }
}

/** Runs a transaction. If it exceeds the timeout, its connection is closed. */
async function runWithin<Result>(
  timeoutMs: number,
  abandon: () => void,
  session: ClientSession,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  const late = Promise.withResolvers<never>();
  const deadline = setTimeout(() => {
    abandon();
    late.reject(new DatabaseError(`transaction timed out after ${timeoutMs} ms`, '57014'));
  }, timeoutMs);
  try {
    return await Promise.race([runTransaction(session, work), late.promise]);
  } finally {
    clearTimeout(deadline);
  }
}

function sessionOn(client: pg.PoolClient, timeouts: Timeouts, abandon: () => void): ClientSession {
  return {
    query: (sql, values) => run(client, sql, values),
    abandon,
    ...(isThroughPooler(client) && { begin: ['BEGIN', ...setTimeouts('SET LOCAL', timeouts)].join('; ') }),
  };
}

async function run<Row>(
  client: pg.PoolClient,
  sql: string,
  values: readonly SqlValue[] = [],
): Promise<QueryResult<Row>> {
  try {
    const { command, rows, rowCount } = await client.query(toQuery(client, sql, values));
    return { rows, rowsChanged: command === 'SELECT' ? 0 : (rowCount ?? 0) };
  } catch (error) {
    throw toDatabaseError(error);
  }
}

/**
 * Makes the server prepare statements that have values. These statements are our own and run repeatedly. The server
 * parses and plans a prepared statement once per connection, which takes a large part of the time of a long statement.
 * Through a pooler, statements are not prepared: the next run of a statement may use a server connection that has not
 * prepared the statement.
 */
function toQuery(client: pg.PoolClient, text: string, values: readonly SqlValue[]): pg.QueryConfig {
  if (values.length === 0) return { text };
  const query = { text, values: [...values] };
  return isThroughPooler(client) ? query : { ...query, name: statementName(text) };
}

/**
 * Names of prepared statements by their text. Names are cached, because hashing a long statement takes as long as
 * sending it. We have few statements, so the cache stays small.
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
