import { SyncClientError } from '../ports/sync-client.ts';

interface RateLimitOptions {
  /** Maximum number of calls started per second. */
  maxCallsPerSecond: number;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  sleep: (ms: number) => Promise<unknown>;
}

export interface PacedCallsOptions extends RateLimitOptions {
  /** Once this signal is aborted, calls are no longer retried. */
  signal: AbortSignal | undefined;
}

/** Waits until the rate allows another call. */
export type RateLimit = () => Promise<void>;

/** Waits until the rate allows another call, then runs the call. */
export type PacedCalls = <Answer>(call: () => Promise<Answer>) => Promise<Answer>;

/**
 * Pauses before the retries, about a minute in total. Amazon stops throttling a client sooner if the client slows down.
 */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000];

/** Spaces calls evenly. Calls may be made concurrently; they share the rate. */
export function createRateLimit({ maxCallsPerSecond, now, sleep }: RateLimitOptions): RateLimit {
  const intervalMs = 1_000 / maxCallsPerSecond;
  let next = Number.NEGATIVE_INFINITY;
  let waiting = 0;

  return async () => {
    waiting += 1;
    // Wait at most one interval per waiting call. If the clock was set back, the computed time would be too long.
    const waitMs = Math.min(Math.max(next - now(), 0), intervalMs * waiting);
    next = now() + waitMs + intervalMs;
    if (waitMs > 0) await sleep(waitMs);
    waiting -= 1;
  };
}

/**
 * Spaces calls evenly and retries transient failures. Calls may be made concurrently; they share the rate.
 * @returns a function that runs one call and throws its error; a transient error is thrown only after six retries
 */
export function createPacedCalls(options: PacedCallsOptions): PacedCalls {
  return retryPaced(createRateLimit(options), options);
}

/**
 * Does the same as `createPacedCalls`, for a rate that several callers share. Each attempt counts as one call.
 * @param about `pausesMs`: the pauses before the retries. `retried`: which failures are retried
 */
export function retryPaced(
  waitForSlot: RateLimit,
  about: Pick<PacedCallsOptions, 'sleep' | 'signal'> & {
    pausesMs?: readonly number[];
    retried?: readonly SyncClientError['condition'][];
  },
): PacedCalls {
  const { sleep, signal, pausesMs = PAUSES_MS, retried = ['throttled', 'unavailable'] } = about;
  return async (call) => {
    for (let attempt = 0; ; attempt += 1) {
      await waitForSlot();
      try {
        return await call();
      } catch (error) {
        const pauseMs = pausesMs[attempt];
        const isRetried = error instanceof SyncClientError && retried.includes(error.condition);
        if (pauseMs === undefined || !isRetried || signal?.aborted) throw error;
        await sleep(pauseMs);
        if (signal?.aborted) throw error;
      }
    }
  };
}
