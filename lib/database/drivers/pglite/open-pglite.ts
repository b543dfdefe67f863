import { setTimeout as sleep } from 'node:timers/promises';
import type { SqlResult } from '../../../common/sql-result.ts';
import {
  type Database,
  DatabaseError,
  type QueryResult,
  type SqlValue,
  type Transaction,
  toDatabaseError,
} from '../../database.ts';
import {
  declareCursor,
  fetchFromCursor,
  type ReadDatabase,
  requireHarmless,
  SqlError,
  type SqlLimits,
  tooLarge,
} from '../../read-sql.ts';
import { READER_ROLE } from '../../schema/roles.ts';
import { type ClientSession, runTransaction } from '../pg/run-transaction.ts';
import { type PgliteThread, startPgliteThread } from './pglite-thread.ts';
import { frameStatements, toSqlResult } from './sql-result.ts';
import { createUnitQueue, type ReadLimits } from './unit-queue.ts';

/**
 * The embedded database. It has one session, in a worker thread, which runs the statements of all callers one by one.
 * Statements of the service run before statements of readers.
 */
export interface EmbeddedDatabase extends Database {
  /**
   * Runs messages of PostgreSQL's frontend protocol, of which the last is Sync. They run with the rights of the reader
   * role, in a read-only transaction that is always rolled back.
   *
   * @returns the backend's messages unchanged, including the server's errors
   * @throws {DatabaseError} 57014 if the statement timed out, 54000 if the result was too large, 53400 or 55P03 if too
   * many readers' statements wait
   */
  readOnly(messages: Uint8Array): Promise<Uint8Array>;
  /** Runs statements as the reader role, with the priority and the limits of readers. */
  readonly reader: ReadDatabase;
}

export interface PgliteOptions extends Partial<ReadLimits> {
  /**
   * Directory of the database, created if it does not exist. Only one process may open it, so the caller must hold the
   * lock of the data directory.
   */
  dataDir: string;
  /** Timeout of a service statement. */
  statementTimeoutMs?: number;
  /** Timeout of a reader's statement, during which all other callers wait. */
  readTimeoutMs?: number;
  /** Maximum size of the result for a reader, in bytes. */
  maxReadBytes?: number;
}

const CLOSE_TIMEOUT_MS = 1_000;

/** Work that is the only user of the database while it runs: one statement or one transaction. */
type Unit<Result> = (thread: PgliteThread) => Promise<Result>;

/**
 * Opens PGlite in a worker thread, so that this thread can still answer requests during a large write. PGlite does not
 * support `statement_timeout`. If a statement times out, its thread is ended and the database is opened again, which
 * takes 0.3 s. Committed data is kept.
 */
export async function openPglite({
  dataDir,
  statementTimeoutMs = 60_000,
  readTimeoutMs = 5_000,
  maxReadBytes = 64 * 1024 * 1024,
  maxWaitingReads = 16,
  maxReadWaitMs = 60_000,
  maxReadPauseMs = 10_000,
}: PgliteOptions): Promise<EmbeddedDatabase> {
  let thread = startPgliteThread(dataDir);
  await thread.opened;
  let closed = false;
  const queue = createUnitQueue({ maxWaitingReads, maxReadWaitMs, maxReadPauseMs });

  /** Queues work of the service. Its timeout starts when the work starts to run, not while it waits in the queue. */
  function enqueue<Result>(unit: Unit<Result>, timeoutMs: number): Promise<Result> {
    if (closed) return Promise.reject(closedError());
    return queue.runService(() => run(unit, timeoutMs));
  }

  async function run<Result>(unit: Unit<Result>, timeoutMs: number): Promise<Result> {
    if (thread.ended) {
      if (closed) throw closedError();
      // Two threads on one directory would corrupt the database, so wait until the old thread has ended.
      await thread.ended;
      thread = startPgliteThread(dataDir);
    }
    const on = thread;
    await on.opened;
    const deadline = setTimeout(() => {
      on.end(new DatabaseError(`statement timed out after ${timeoutMs} ms`, '57014'));
    }, timeoutMs);
    const ended = Promise.withResolvers<never>();
    on.onEnd = ended.reject;
    try {
      // When the thread ends, it rejects the statement that it runs. A transaction may be waiting for something else at
      // that time, so reject the transaction as well.
      return await Promise.race([unit(on), ended.promise]);
    } finally {
      on.onEnd = undefined;
      clearTimeout(deadline);
    }
  }

  async function enqueueRead<Result>(unit: Unit<Result>, timeoutMs = readTimeoutMs): Promise<Result> {
    if (closed) throw closedError();
    return queue.runRead(() => run(unit, Math.min(timeoutMs, readTimeoutMs)));
  }

  const transactRead = <Result>(work: (transaction: Transaction) => Promise<Result>) =>
    enqueueRead((on) =>
      runTransaction({ ...sessionOn(on), begin: 'BEGIN READ ONLY' }, async (transaction) => {
        await transaction.query(`SET LOCAL ROLE ${READER_ROLE}`);
        return work(transaction);
      }),
    );

  const reader: ReadDatabase = {
    query: (sql, values) => transactRead((transaction) => transaction.query(sql, values)),
    transaction: transactRead,
    readSql: (sql, limits) =>
      enqueueRead((on) => readSql(on, sql, limits), limits.timeoutMs).catch((error: unknown) => {
        throw toSqlError(error, limits);
      }),
    close: async () => undefined,
  };

  return {
    reader,
    query: (sql, values) => enqueue((on) => query(on, sql, values), statementTimeoutMs),
    transaction: (work) => enqueue((on) => runTransaction(sessionOn(on), work), statementTimeoutMs),
    readOnly: (messages) =>
      enqueueRead((on) => readOnly(on, messages, { maxBytes: maxReadBytes, maxStatements: 1 })),
    async close() {
      const shutDown = enqueue((on) => on.ask({ kind: 'close' }), CLOSE_TIMEOUT_MS);
      closed = true;
      queue.rejectReads(closedError());
      // Work that has not finished within CLOSE_TIMEOUT_MS is rolled back, as after a crash.
      await Promise.race([
        shutDown.catch(() => undefined),
        sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false }),
      ]);
      await thread.end(closedError());
    },
  };
}

function closedError(): DatabaseError {
  return new DatabaseError('the database is closed', '57P01');
}

async function query<Row>(
  thread: PgliteThread,
  sql: string,
  values: readonly SqlValue[] = [],
): Promise<QueryResult<Row>> {
  try {
    return (await thread.ask({ kind: 'query', sql, values })) as QueryResult<Row>;
  } catch (error) {
    throw toDatabaseError(error);
  }
}

function sessionOn(thread: PgliteThread): ClientSession {
  return {
    query: (sql, values) => query(thread, sql, values),
    // All callers share one session. If a transaction stayed open, the statements of later callers would run in it.
    abandon: () => thread.end(new DatabaseError('a transaction could not be rolled back', '57P01')),
  };
}

async function readOnly(
  thread: PgliteThread,
  messages: Uint8Array,
  limits: { maxBytes: number; maxStatements: number },
): Promise<Uint8Array> {
  try {
    return (await thread.ask({ kind: 'readOnly', messages, ...limits })) as Uint8Array;
  } catch (error) {
    throw readError(error);
  }
}

/** Runs a reader's statement in two statements: the first declares a cursor, and the second reads from it. */
async function readSql(
  thread: PgliteThread,
  sql: string,
  { maxRows, maxBytes }: SqlLimits,
): Promise<SqlResult> {
  requireHarmless(sql);
  const messages = frameStatements([declareCursor(sql), fetchFromCursor(maxRows)]);
  return toSqlResult(await readOnly(thread, messages, { maxBytes, maxStatements: 2 }), maxRows);
}

/** Converts an error. A result that is too large and a timeout count as errors of the statement. */
function toSqlError(error: unknown, { maxBytes }: SqlLimits): unknown {
  if (!(error instanceof DatabaseError)) return error;
  if (error.code === '54000') return tooLarge(maxBytes);
  return error.code === '57014' ? new SqlError(error.message, error.code) : error;
}

/** Converts the error of a reader's statement. The statement stores no value, so ValueRefusedError does not apply. */
function readError(error: unknown): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const { message, code } = error as { message?: unknown; code?: unknown };
  return new DatabaseError(String(message ?? error), typeof code === 'string' ? code : undefined);
}
