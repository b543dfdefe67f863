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
 * next unless it ended. The first is started when it is needed. Where all are busy an invocation waits for its turn,
 * first come, first served; when its time is over before its turn comes, it is throttled.
 */
export function createLocalFunction(about: FunctionWorkerData): LocalFunction {
  const idle: Environment[] = [];
  const busy = new Set<Environment>();
  /** In the order in which they came. */
  const waiting = new Set<PromiseWithResolvers<void>>();
  /** Invocations that have their turn. While any waits, there are as many as there may be. */
  let turns = 0;
  let closed = false;

  function takeIdle(): Environment {
    for (let kept = idle.pop(); kept; kept = idle.pop()) {
      if (!kept.hasEnded()) return kept;
    }
    return startEnvironment(about);
  }

  async function takeTurn(timeoutMs: number): Promise<void> {
    if (turns < MAX_ENVIRONMENTS) {
      turns += 1;
      return;
    }
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

  /** To the one that has waited longest; one that comes before it goes on finds no turn free. */
  function passTurn(): void {
    const [next] = waiting;
    if (!next) {
      turns -= 1;
      return;
    }
    waiting.delete(next);
    next.resolve();
  }

  async function invokeInTurn(event: string, deadline: number): Promise<string> {
    if (closed) throw throttled();
    const environment = takeIdle();
    busy.add(environment);
    try {
      return await environment.invoke(event, Math.max(1, Math.ceil(deadline - performance.now())));
    } finally {
      busy.delete(environment);
      if (!environment.hasEnded()) idle.push(environment);
    }
  }

  return {
    async invoke(event, timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      await takeTurn(timeoutMs);
      try {
        return await invokeInTurn(event, deadline);
      } finally {
        passTurn();
      }
    },
    close() {
      closed = true;
      for (const turn of waiting) turn.reject(throttled());
      waiting.clear();
      for (const environment of [...idle, ...busy]) environment.end(throttled());
    },
  };
}

function throttled(): FunctionError {
  return new FunctionError('throttled', 'there is no room for another invocation');
}
