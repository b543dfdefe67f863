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

/** The embedded database: one session in a worker thread, everybody's statements one after the other. */
export interface EmbeddedDatabase extends Database {
  /**
   * Runs messages of PostgreSQL's frontend protocol, ending in Sync, as the reader role in a read-only transaction
   * that is taken back afterwards. Answers with the backend's messages as they are, the server's errors among them.
   * @throws {DatabaseError} 57014 when it took too long, 54000 when the answer was too large
   */
  readOnly(messages: Uint8Array): Promise<Uint8Array>;
}

export interface PgliteOptions {
  /** Directory of the database, made where absent. Exactly one process may have it open: hold its lock. */
  dataDir: string;
  /** After this long a statement of the service is ended. */
  statementTimeoutMs?: number;
  /** After this long a statement of a reader is ended; until then everybody else waits. */
  readTimeoutMs?: number;
  /** Largest answer to a reader. */
  maxReadBytes?: number;
}

const CLOSE_TIMEOUT_MS = 1_000;

type Question = WorkerRequest extends infer R ? (R extends WorkerRequest ? Omit<R, 'id'> : never) : never;

/** What has the database to itself while it runs. */
type Unit<Result> = (thread: Thread) => Promise<Result>;

/**
 * Opens PGlite in a worker thread, so that the port stays responsive during a big write. PGlite does not know
 * `statement_timeout`: a statement that takes too long is ended by ending the thread and opening the database
 * again (0.3 s); what was committed stays.
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

  /** One unit at a time: the deadline of a unit starts when it runs, not when it waits for others. */
  function enqueue<Result>(unit: Unit<Result>, timeoutMs: number): Promise<Result> {
    if (closed) return Promise.reject(new DatabaseError('the database is closed', '57P01'));
    const turn = lastUnit.then(() => run(unit, timeoutMs));
    lastUnit = turn.catch(() => undefined);
    return turn;
  }

  async function run<Result>(unit: Unit<Result>, timeoutMs: number): Promise<Result> {
    if (thread.ended) {
      if (closed) throw new DatabaseError('the database is closed', '57P01');
      // Two threads on one directory would corrupt it: the old one must be gone first.
      await thread.ended;
      thread = startThread(dataDir);
    }
    const on = thread;
    await on.opened;
    const deadline = setTimeout(() => {
      on.end(new DatabaseError(`statement ended after ${timeoutMs} ms`, '57014'));
    }, timeoutMs);
    const gone = Promise.withResolvers<never>();
    on.whenGone = gone.reject;
    try {
      // A transaction may wait for something else than the thread when that ends.
      return await Promise.race([unit(on), gone.promise]);
    } finally {
      on.whenGone = undefined;
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
      // What has not ended by then is taken back, as after a crash.
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
    // The session is everybody's: a transaction left open in it would swallow their statements.
    abandon: () => thread.end(new DatabaseError('a transaction could not be taken back', '57P01')),
  };
}

async function readOnly(thread: Thread, messages: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  try {
    return (await thread.ask({ kind: 'readOnly', messages, maxBytes })) as Uint8Array;
  } catch (error) {
    throw readError(error);
  }
}

/** A reader's statement stores no value, so none was refused. */
function readError(error: unknown): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const { message, code } = error as { message?: unknown; code?: unknown };
  return new DatabaseError(String(message ?? error), typeof code === 'string' ? code : undefined);
}

interface Thread {
  opened: Promise<void>;
  /** Set from the moment the thread takes no more units; settles when it is gone. */
  ended: Promise<unknown> | undefined;
  /** Told the reason when the thread takes no more units: for the unit that runs. */
  whenGone: ((reason: Error) => void) | undefined;
  ask(question: Question): Promise<unknown>;
  end(reason: Error): Promise<unknown>;
}

function startThread(dataDir: string): Thread {
  const worker = new Worker(new URL('./pglite-worker.ts', import.meta.url), {
    workerData: { dataDir, readerRole: READER_ROLE },
    // PGlite recurses on this stack. Where it is too small, a deeply nested expression breaks the session instead of
    // being refused as too complex (54001); 16 MB were too small.
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
    thread.whenGone?.(reason);
    for (const { reject } of waiting.values()) reject(reason);
    waiting.clear();
    return thread.ended;
  }

  const thread: Thread = {
    opened: expect(OPENED).then(() => undefined),
    ended: undefined,
    whenGone: undefined,
    ask(question) {
      if (thread.ended) return Promise.reject(new DatabaseError('the embedded database stopped', '57P01'));
      lastId += 1;
      worker.postMessage({ id: lastId, ...question });
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
