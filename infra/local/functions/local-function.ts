import { FunctionError } from '../../../lib/sync/function-port.ts';
import { type Environment, startEnvironment } from './environment.ts';
import type { FunctionWorkerData } from './messages.ts';

/** Each has memory of its own, and the function loaded. */
const MAX_ENVIRONMENTS = 4;

export interface LocalFunction {
  /**
   * @param event JSON text
   * @returns the answer as JSON text
   * @throws {FunctionError}
   */
  invoke(event: string, timeoutMs: number): Promise<string>;
  close(): void;
}

/**
 * A function in environments of its own, as Lambda runs it: each invocation has one to itself, which is kept for the
 * next unless it ended. The first is started when it is needed. Where all are busy an invocation waits for one; when its
 * time is over before its turn comes, it is throttled.
 */
export function createLocalFunction(about: FunctionWorkerData): LocalFunction {
  const idle: Environment[] = [];
  const busy = new Set<Environment>();
  const waiting = new Set<PromiseWithResolvers<void>>();
  let closed = false;

  function takeIdle(): Environment {
    for (let kept = idle.pop(); kept; kept = idle.pop()) {
      if (!kept.hasEnded()) return kept;
    }
    return startEnvironment(about);
  }

  async function waitForTurn(timeoutMs: number): Promise<void> {
    const turn = Promise.withResolvers<void>();
    waiting.add(turn);
    const timer = setTimeout(() => {
      waiting.delete(turn);
      turn.reject(throttled());
    }, timeoutMs);
    try {
      await turn.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  function callNext(): void {
    const [next] = waiting;
    if (!next) return;
    waiting.delete(next);
    next.resolve();
  }

  return {
    async invoke(event, timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      while (busy.size >= MAX_ENVIRONMENTS) await waitForTurn(deadline - performance.now());
      if (closed) throw throttled();
      const environment = takeIdle();
      busy.add(environment);
      try {
        return await environment.invoke(event, Math.max(1, Math.ceil(deadline - performance.now())));
      } finally {
        busy.delete(environment);
        if (!environment.hasEnded()) idle.push(environment);
        callNext();
      }
    },
    close() {
      closed = true;
      for (const turn of waiting) turn.reject(throttled());
      for (const environment of [...idle, ...busy]) environment.end(throttled());
    },
  };
}

function throttled(): FunctionError {
  return new FunctionError('throttled', 'there is no room for another invocation');
}
