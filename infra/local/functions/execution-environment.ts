import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { describeThrown } from '../../../lib/common/thrown.ts';
import { FunctionError } from '../../../lib/sync/ports/functions.ts';
import {
  type FunctionWorkerData,
  type InvocationPort,
  type InvocationReply,
  type InvocationRequest,
  toMessage,
} from './messages.ts';

/** A thread that holds a function, what Lambda calls an execution environment: it runs one invocation at a time. */
export interface ExecutionEnvironment {
  /** The sync rules and what they import, as far as it has read them: by path, their stamps from just before. */
  readonly files: ReadonlyMap<string, string>;
  /** Undefined once the function is there, else why it is not; it is never rejected. */
  readonly loaded: Promise<FunctionError | undefined>;
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

/** Source: AWS Lambda Developer Guide, "Lambda execution environment lifecycle", the init phase. */
const LOAD_TIMEOUT_MS = 10_000;

/**
 * Starts a thread that loads the function; an invocation waits for that. Once loaded it does not keep the process alive.
 * @param tellEnd why it ended, without a value, where it was loaded and `end` was not called
 */
export function startExecutionEnvironment(
  workerData: FunctionWorkerData,
  tellEnd: (reason: string) => void,
): ExecutionEnvironment {
  const worker = new Worker(new URL('./function-worker.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  // The function can post to the worker's parentPort.
  const { port1: port, port2: portOfWorker } = new MessageChannel();
  const first: InvocationPort = { port: portOfWorker };
  worker.postMessage(first, [portOfWorker]);
  const files = new Map<string, string>();
  const loaded = Promise.withResolvers<FunctionError | undefined>();
  const loading = setTimeout(
    () => end(new FunctionError('timed-out', `it took longer than ${LOAD_TIMEOUT_MS} ms to load`)),
    LOAD_TIMEOUT_MS,
  );
  let isLoaded = false;
  let ended: FunctionError | undefined;
  /** Undefined where it has answered. */
  let current: PromiseWithResolvers<string> | undefined;

  function end(reason: FunctionError): void {
    if (ended) return;
    ended = reason;
    catchUp();
    settleLoad(reason);
    current?.reject(reason);
    port.close();
    // A thread in the middle of a system call stays until that returns; nobody has to wait for it.
    void worker.terminate();
  }

  /** @param reason told in place of the error's message, which may quote a value */
  function fail(error: FunctionError, reason = error.message): void {
    if (ended) return;
    catchUp();
    if (isLoaded) tellEnd(reason);
    end(error);
  }

  /** What it has said counts, also where its end was seen before that. */
  function catchUp(): void {
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) hear(next.message);
  }

  function hear(message: unknown): void {
    const said = toMessage(message);
    if (!said) return;
    if ('loaded' in said) {
      isLoaded = true;
      settleLoad(undefined);
    } else if ('path' in said) files.set(said.path, said.stamp);
    else reply(said);
  }

  function reply(said: InvocationReply): void {
    if ('answer' in said) current?.resolve(said.answer);
    else current?.reject(new FunctionError('threw', said.error));
    current = undefined;
  }

  function settleLoad(problem: FunctionError | undefined): void {
    clearTimeout(loading);
    loaded.resolve(problem);
  }

  port.on('message', hear);
  worker.on('error', (error: unknown) => {
    catchUp();
    const reason = isOutOfMemory(error)
      ? 'it ran out of memory'
      : `it threw ${current ? 'what nothing caught' : 'after it had answered'}`;
    fail(new FunctionError('threw', describeThrown(error)), reason);
  });
  worker.on('exit', (code) => fail(new FunctionError('threw', `it ended itself with exit code ${code}`)));

  // Not before it is listened to, which would undo it. The timer of an invocation keeps the process alive.
  worker.unref();
  port.unref();

  return {
    files,
    loaded: loaded.promise,
    hasEnded: () => ended !== undefined,
    async invoke(event, timeoutMs) {
      if (ended) throw ended;
      const answer = Promise.withResolvers<string>();
      current = answer;
      const request: InvocationRequest = { event, timeoutMs };
      port.postMessage(request);
      const timer = setTimeout(
        () => fail(new FunctionError('timed-out', `it took longer than ${timeoutMs} ms`)),
        timeoutMs,
      );
      try {
        return await answer.promise;
      } finally {
        clearTimeout(timer);
      }
    },
    end,
  };
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
