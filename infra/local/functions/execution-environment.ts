import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { startThread } from '../../../lib/common/start-thread.ts';
import { describeThrown } from '../../../lib/common/thrown.ts';
import type { RuleDecision } from '../../../lib/rules/verdict.ts';
import { FunctionError } from '../../../lib/sync/ports/functions.ts';
import {
  type DecisionsMessage,
  type FunctionWorkerData,
  type InvocationPort,
  type InvocationReply,
  type InvocationRequest,
  toMessage,
} from './messages.ts';

/** Receives the decisions of the sync rules on one event. */
export type OnDecisions = (decisions: readonly RuleDecision[]) => void;

/** A thread that has loaded a function, like an execution environment of Lambda. It runs one invocation at a time. */
export interface ExecutionEnvironment {
  /**
   * The files of the sync rules that the thread has read so far, including imported files. Maps the path of each file
   * to a stamp of its content, taken before the thread read the file.
   */
  readonly files: ReadonlyMap<string, string>;
  /**
   * Resolves when loading has ended: to undefined if the function is loaded, otherwise to the reason why it cannot be
   * loaded. Never rejects.
   */
  readonly loaded: Promise<FunctionError | undefined>;
  /**
   * Whether the thread accepts no more invocations: an invocation timed out, the thread exited, or `end` was called.
   */
  hasEnded(): boolean;
  /**
   * @param event JSON text
   * @param onDecisions receives the decisions of the sync rules, also if the function throws; undefined if the caller
   *   does not need them
   * @returns the response as JSON text
   * @throws {FunctionError} `threw` or `timed-out`
   */
  invoke(event: string, timeoutMs: number, onDecisions?: OnDecisions): Promise<string>;
  /** Ends the thread; an invocation in progress fails with `reason`. */
  end(reason: FunctionError): void;
}

/** Limit of the JavaScript heap; buffers are not part of it. */
const MAX_HEAP_MB = 256;

/** Time limit of the init phase. Source: AWS Lambda Developer Guide, "Lambda execution environment lifecycle". */
const LOAD_TIMEOUT_MS = 10_000;

/**
 * Starts a thread that loads the function. Invocations wait until the function is loaded. The thread does not keep the
 * process alive once it is loaded and idle.
 * @param onExit called if the thread ended after loading without a call of `end`; the reason quotes no data
 * @param onCount called after each invocation, once for each sync rule that made a decision
 */
export function startExecutionEnvironment(
  workerData: FunctionWorkerData,
  onExit: (reason: string) => void,
  onCount: (decisions: DecisionsMessage) => void = () => undefined,
): ExecutionEnvironment {
  const worker = startThread(new URL('./function-worker.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  // A separate channel is necessary, because the function could forge messages on the worker's `parentPort`.
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
  /** The invocation in progress; undefined after its reply. */
  let current: PromiseWithResolvers<string> | undefined;
  let onDecisions: OnDecisions | undefined;

  function end(reason: FunctionError): void {
    if (ended) return;
    ended = reason;
    drainMessages();
    settleLoad(reason);
    current?.reject(reason);
    port.close();
    // A thread that is in a system call ends only when the call returns, so the result of `terminate` is not awaited.
    void worker.terminate();
  }

  /**
   * Ends the thread after a failure.
   * @param reason passed to `onExit` instead of the error's message, which may quote a value
   */
  function fail(error: FunctionError, reason = error.message): void {
    if (ended) return;
    drainMessages();
    if (isLoaded) onExit(reason);
    end(error);
  }

  /** Handles messages that were sent before the thread ended but have not been delivered yet. */
  function drainMessages(): void {
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
      onMessage(next.message);
    }
  }

  function onMessage(received: unknown): void {
    const message = toMessage(received);
    if (!message) return;
    if ('loaded' in message) {
      isLoaded = true;
      settleLoad(undefined);
    } else if ('rule' in message) onCount(message);
    else if ('path' in message) files.set(message.path, message.stamp);
    else settleInvocation(message);
  }

  function settleInvocation(reply: InvocationReply): void {
    onDecisions?.(reply.decisions);
    if ('answer' in reply) current?.resolve(reply.answer);
    else current?.reject(new FunctionError('threw', reply.error));
    current = undefined;
  }

  function settleLoad(problem: FunctionError | undefined): void {
    clearTimeout(loading);
    loaded.resolve(problem);
  }

  port.on('message', onMessage);
  worker.on('error', (error: unknown) => {
    drainMessages();
    const reason = isOutOfMemory(error)
      ? 'it ran out of memory'
      : `it threw ${current ? 'an uncaught error' : 'after it had responded'}`;
    fail(new FunctionError('threw', describeThrown(error)), reason);
  });
  worker.on('exit', (code) => fail(new FunctionError('threw', `it ended itself with exit code ${code}`)));

  // `unref` is called after all listeners were added, because adding a listener would undo it. During an invocation, a
  // timer keeps the process alive.
  worker.unref();
  port.unref();

  return {
    files,
    loaded: loaded.promise,
    hasEnded: () => ended !== undefined,
    async invoke(event, timeoutMs, onMade) {
      if (ended) throw ended;
      onDecisions = onMade;
      const answer = Promise.withResolvers<string>();
      current = answer;
      const request: InvocationRequest = { event, timeoutMs, isWatched: onMade !== undefined };
      port.postMessage(request);
      const timer = setTimeout(() => fail(timedOut(timeoutMs)), timeoutMs);
      try {
        return await answer.promise;
      } finally {
        clearTimeout(timer);
      }
    },
    end,
  };
}

/** The error of an invocation that got no answer in time. */
export function timedOut(timeoutMs: number): FunctionError {
  return new FunctionError('timed-out', `it took longer than ${timeoutMs} ms`);
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
