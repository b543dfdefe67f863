import { Worker } from 'node:worker_threads';
import { FunctionError } from '../../../lib/sync/function-port.ts';
import type { FunctionWorkerData, InvocationReply, InvocationRequest } from './messages.ts';

/** A thread that holds a function, what Lambda calls an execution environment: it runs one invocation at a time. */
export interface Environment {
  /** It takes no more invocations: it took too long, or ended itself. */
  hasEnded(): boolean;
  /**
   * @param event JSON text
   * @returns the answer as JSON text
   * @throws {FunctionError} threw or timed-out
   */
  invoke(event: string, timeoutMs: number): Promise<string>;
  /** Ends it, and what runs in it with this error. */
  end(reason: FunctionError): void;
}

/** Of the thread's own memory. */
const MAX_HEAP_MB = 256;

/** Starts a thread that loads the function; an invocation waits for that. The thread does not keep the process alive. */
export function startEnvironment(workerData: FunctionWorkerData): Environment {
  const worker = new Worker(new URL('./function-worker.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  let ended: FunctionError | undefined;
  let current: PromiseWithResolvers<string> | undefined;

  function end(reason: FunctionError): void {
    if (ended) return;
    ended = reason;
    current?.reject(reason);
    // A thread in the middle of a system call stays until that returns; nobody has to wait for it.
    void worker.terminate();
  }

  worker.on('message', (reply: InvocationReply) => {
    if ('answer' in reply) current?.resolve(reply.answer);
    else current?.reject(new FunctionError('threw', reply.error));
  });
  worker.on('error', (error: unknown) => end(new FunctionError('threw', messageOf(error))));
  worker.on('exit', (code) => end(new FunctionError('threw', `it ended itself with exit code ${code}`)));

  // Not before it is listened to, which would undo it. The timer of an invocation keeps the process alive.
  worker.unref();

  return {
    hasEnded: () => ended !== undefined,
    async invoke(event, timeoutMs) {
      if (ended) throw ended;
      current = Promise.withResolvers();
      const request: InvocationRequest = { event, timeoutMs };
      worker.postMessage(request);
      const timer = setTimeout(
        () => end(new FunctionError('timed-out', `it took longer than ${timeoutMs} ms`)),
        timeoutMs,
      );
      try {
        return await current.promise;
      } finally {
        clearTimeout(timer);
        current = undefined;
      }
    },
    end,
  };
}

/** Anything can be thrown, also what cannot be made text of. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'it threw something that is no error';
}
