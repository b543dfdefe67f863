import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { FunctionError } from '../../../lib/sync/function-port.ts';
import { type FunctionWorkerData, type InvocationPort, type InvocationRequest, toReply } from './messages.ts';
import { textOfThrown } from './text-of-thrown.ts';

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

/** Of its JavaScript heap, which is not where buffers are. */
const MAX_HEAP_MB = 256;

/** Starts a thread that loads the function; an invocation waits for that. The thread does not keep the process alive. */
export function startEnvironment(workerData: FunctionWorkerData): Environment {
  const worker = new Worker(new URL('./function-worker.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  // The function can post to the worker's parentPort.
  const { port1: port, port2: portOfWorker } = new MessageChannel();
  const first: InvocationPort = { port: portOfWorker };
  worker.postMessage(first, [portOfWorker]);
  let ended: FunctionError | undefined;
  let current: PromiseWithResolvers<string> | undefined;

  function end(reason: FunctionError): void {
    if (ended) return;
    ended = reason;
    // What it has answered counts, also where its end was seen before that.
    settle(receiveMessageOnPort(port)?.message);
    current?.reject(reason);
    port.close();
    // A thread in the middle of a system call stays until that returns; nobody has to wait for it.
    void worker.terminate();
  }

  function settle(message: unknown): void {
    const reply = toReply(message);
    if (!reply) return;
    if ('answer' in reply) current?.resolve(reply.answer);
    else current?.reject(new FunctionError('threw', reply.error));
  }

  port.on('message', settle);
  worker.on('error', (error: unknown) => end(new FunctionError('threw', textOfThrown(error))));
  worker.on('exit', (code) => end(new FunctionError('threw', `it ended itself with exit code ${code}`)));

  // Not before it is listened to, which would undo it. The timer of an invocation keeps the process alive.
  worker.unref();
  port.unref();

  return {
    hasEnded: () => ended !== undefined,
    async invoke(event, timeoutMs) {
      if (ended) throw ended;
      current = Promise.withResolvers();
      const request: InvocationRequest = { event, timeoutMs };
      port.postMessage(request);
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
