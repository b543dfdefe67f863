import { setFlagsFromString } from 'node:v8';
import { startThread } from '../../../common/start-thread.ts';
import { DatabaseError, toDatabaseError } from '../../database.ts';
import { READER_ROLE } from '../../schema/roles.ts';
import { OPENED, type WorkerReply, type WorkerRequest } from './pglite-messages.ts';

type RequestBody = WorkerRequest extends infer R ? (R extends WorkerRequest ? Omit<R, 'id'> : never) : never;

/** A worker thread that runs the embedded database. */
export interface PgliteThread {
  opened: Promise<void>;
  /** Set as soon as the thread accepts no more work. The promise settles when the thread has ended. */
  ended: Promise<unknown> | undefined;
  /**
   * Called with the reason when the thread accepts no more work. The running statement or transaction sets this
   * function.
   */
  onEnd: ((reason: Error) => void) | undefined;
  ask(body: RequestBody): Promise<unknown>;
  end(reason: Error): Promise<unknown>;
}

/**
 * Number of executed bytes of a WebAssembly function, roughly, after which V8 optimizes the function. With V8's default,
 * 13 million, opening a database makes V8 optimize large functions that run only then: a process that opens a database
 * and runs one statement uses 4.4 s of CPU time instead of 1.3 s. Later statements are equally fast with both values.
 */
const OPTIMIZE_AFTER_BYTES = 1_000_000_000;

/** Starts a thread that opens the database in `dataDir`. No other thread or process may have the database open. */
export function startPgliteThread(dataDir: string): PgliteThread {
  setFlagsFromString(`--wasm-tiering-budget=${OPTIMIZE_AFTER_BYTES}`);
  const worker = startThread(new URL('./pglite-worker.ts', import.meta.url), {
    workerData: { dataDir, readerRole: READER_ROLE },
    // PGlite recurses on this stack. If the stack is too small, a deeply nested expression breaks the session instead
    // of being rejected as too complex (54001). 16 MB were too small.
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

  const thread: PgliteThread = {
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
