import { SyncClientError } from '../ports/sync-client.ts';

export interface PacedCallsOptions {
  /** Maximum number of calls started per second. */
  maxCallsPerSecond: number;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  sleep: (ms: number) => Promise<unknown>;
  /** Once this signal is aborted, calls are no longer retried. */
  signal: AbortSignal | undefined;
}

/** Waits until the rate allows another call, then runs the call. */
export type PacedCalls = <Answer>(call: () => Promise<Answer>) => Promise<Answer>;

/**
 * Pauses before the retries, about a minute in total. Amazon stops throttling a client sooner if the client slows down.
 */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000];

/**
 * Spaces calls evenly and retries transient failures. Calls may be made concurrently; they share the rate.
 * @returns a function that runs one call and throws its error; a transient error is thrown only after six retries
 */
export function createPacedCalls(options: PacedCallsOptions): PacedCalls {
  const { maxCallsPerSecond, now, sleep, signal } = options;
  const intervalMs = 1_000 / maxCallsPerSecond;
  let next = Number.NEGATIVE_INFINITY;
  let waiting = 0;

  async function waitForSlot(): Promise<void> {
    waiting += 1;
    // Wait one interval per waiting call at most. If the clock was set back, the computed time would be too long.
    const waitMs = Math.min(Math.max(next - now(), 0), intervalMs * waiting);
    next = now() + waitMs + intervalMs;
    if (waitMs > 0) await sleep(waitMs);
    waiting -= 1;
  }

  return async (call) => {
    for (let attempt = 0; ; attempt += 1) {
      await waitForSlot();
      try {
        return await call();
      } catch (error) {
        const pauseMs = PAUSES_MS[attempt];
        if (pauseMs === undefined || !isTransient(error) || signal?.aborted) throw error;
        await sleep(pauseMs);
        if (signal?.aborted) throw error;
      }
    }
  };
}

function isTransient(error: unknown): boolean {
  return (
    error instanceof SyncClientError && (error.condition === 'throttled' || error.condition === 'unavailable')
  );
}
