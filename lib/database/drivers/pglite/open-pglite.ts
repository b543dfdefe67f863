import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  type Database,
  DatabaseError,
  type QueryResult,
  type SqlValue,
  toDatabaseError,
} from '../../database.ts';
import { READER_ROLE } from '../../schema/roles.ts';
import { type ClientSession, runTransaction } from '../pg/run-transaction.ts';
import { OPENED, type WorkerReply, type WorkerRequest } from './pglite-messages.ts';

/** The embedded database: one session in a worker thread, which runs all callers' statements serially. */
export interface EmbeddedDatabase extends Database {
  /**
   * Runs messages of PostgreSQL's frontend protocol, ending in Sync, as the reader role in a read-only transaction
   * that is always rolled back.
   *
   * @returns the backend's messages unchanged, including the server's errors
   * @throws {DatabaseError} 57014 if the statement timed out, 54000 if the result was too large
   */
  readOnly(messages: Uint8Array): Promise<Uint8Array>;
}

export interface PgliteOptions {
  /**
   * Directory of the database, created if it does not exist. Only one process may open it, so the caller must hold its
   * lock.
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

type RequestBody = WorkerRequest extends infer R ? (R extends WorkerRequest ? Omit<R, 'id'> : never) : never;

/** Work that has the database to itself while it runs. */
type Unit<Result> = (thread: Thread) => Promise<Result>;

/**
 * Opens PGlite in a worker thread, so that the port stays responsive during a large write. PGlite does not support
 * `statement_timeout`. A statement that times out is stopped by ending the thread and opening the database again, which
 * takes 0.3 s. Committed data is kept.
 */
export async function openPglite({
  dataDir,
  statementTimeoutMs = 60_000,
  readTimeoutMs = 5_000,
  maxReadBytes = 64 * 1024 * 1024,
}: PgliteOptions): Promise<EmbeddedDatabase> {
  let thread = startThread(dataDir);
  await thread.opened;
  let closed = false;
  let lastUnit: Promise<unknown> = Promise.resolve();

  /** Runs units serially. The timeout of a unit starts when it runs, not while it waits for others. */
  function enqueue<Result>(unit: Unit<Result>, timeoutMs: number): Promise<Result> {
    if (closed) return Promise.reject(new DatabaseError('the database is closed', '57P01'));
    const result = lastUnit.then(() => run(unit, timeoutMs));
    lastUnit = result.catch(() => undefined);
    return result;
  }

  async function run<Result>(unit: Unit<Result>, timeoutMs: number): Promise<Result> {
    if (thread.ended) {
      if (closed) throw new DatabaseError('the database is closed', '57P01');
      // Two threads on one directory would corrupt the database, so wait until the old thread has ended.
      await thread.ended;
      thread = startThread(dataDir);
    }
    const on = thread;
    await on.opened;
    const deadline = setTimeout(() => {
      on.end(new DatabaseError(`statement timed out after ${timeoutMs} ms`, '57014'));
    }, timeoutMs);
    const ended = Promise.withResolvers<never>();
    on.onEnd = ended.reject;
    try {
      // A transaction may be waiting for something other than the thread when the thread ends.
      return await Promise.race([unit(on), ended.promise]);
    } finally {
      on.onEnd = undefined;
      clearTimeout(deadline);
    }
  }

  return {
    query: (sql, values) => enqueue((on) => query(on, sql, values), statementTimeoutMs),
    transaction: (work) => enqueue((on) => runTransaction(sessionOn(on), work), statementTimeoutMs),
    readOnly: (messages) => enqueue((on) => readOnly(on, messages, maxReadBytes), readTimeoutMs),
    async close() {
      const shutDown = enqueue((on) => on.ask({ kind: 'close' }), CLOSE_TIMEOUT_MS);
      closed = true;
      // Work that has not finished by then is rolled back, as after a crash.
      await Promise.race([
        shutDown.catch(() => undefined),
        sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false }),
      ]);
      await thread.end(new DatabaseError('the database is closed', '57P01'));
    },
  };
}

async function query<Row>(
  thread: Thread,
  sql: string,
  values: readonly SqlValue[] = [],
): Promise<QueryResult<Row>> {
  try {
    return (await thread.ask({ kind: 'query', sql, values })) as QueryResult<Row>;
  } catch (error) {
    throw toDatabaseError(error);
  }
}

function sessionOn(thread: Thread): ClientSession {
  return {
    query: (sql, values) => query(thread, sql, values),
    // All callers share the session. A transaction left open in it would absorb their statements.
    abandon: () => thread.end(new DatabaseError('a transaction could not be rolled back', '57P01')),
  };
}

async function readOnly(thread: Thread, messages: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  try {
    return (await thread.ask({ kind: 'readOnly', messages, maxBytes })) as Uint8Array;
  } catch (error) {
    throw readError(error);
  }
}

/** Converts the error of a reader. Its statement stores no value, so ValueRefusedError does not apply. */
function readError(error: unknown): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const { message, code } = error as { message?: unknown; code?: unknown };
  return new DatabaseError(String(message ?? error), typeof code === 'string' ? code : undefined);
}

interface Thread {
  opened: Promise<void>;
  /** Set as soon as the thread accepts no more units; settles when the thread has ended. */
  ended: Promise<unknown> | undefined;
  /** Called with the reason when the thread accepts no more units; set by the running unit. */
  onEnd: ((reason: Error) => void) | undefined;
  ask(body: RequestBody): Promise<unknown>;
  end(reason: Error): Promise<unknown>;
}

function startThread(dataDir: string): Thread {
  const worker = new Worker(new URL('./pglite-worker.ts', import.meta.url), {
    workerData: { dataDir, readerRole: READER_ROLE },
    // PGlite recurses on this stack. If it is too small, a deeply nested expression breaks the session instead of
    // being rejected as too complex (54001). 16 MB were too small.
    resourceLimits: { stackSizeMb: 64 },
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = OPENED;

  function expect(id: number): Promise<unknown> {
    const settlers = Promise.withResolvers<unknown>();
    waiting.set(id, settlers);
    return settlers.promise;
  }

  function end(reason: Error): Promise<unknown> {
    thread.ended ??= worker.terminate();
    thread.onEnd?.(reason);
    for (const { reject } of waiting.values()) reject(reason);
    waiting.clear();
    return thread.ended;
  }

  const thread: Thread = {
    opened: expect(OPENED).then(() => undefined),
    ended: undefined,
    onEnd: undefined,
    ask(body) {
      if (thread.ended) return Promise.reject(new DatabaseError('the embedded database stopped', '57P01'));
      lastId += 1;
      worker.postMessage({ id: lastId, ...body });
      return expect(lastId);
    },
    end,
  };
  worker.on('message', (reply: WorkerReply) => {
    const settlers = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.ok) settlers?.resolve(reply.result);
    else settlers?.reject(Object.assign(new Error(reply.message), { code: reply.code }));
  });
  worker.on('error', (error) => end(toDatabaseError(error)));
  worker.on('exit', () => end(new DatabaseError('the embedded database stopped', '57P01')));
  return thread;
}
