import { SyncClientError } from './sync-client.ts';

export interface PacedCallsOptions {
  /** Calls begun in a second, at most. */
  maxCallsPerSecond: number;
  /** Epoch milliseconds. */
  now: () => number;
  sleep: (ms: number) => Promise<unknown>;
  /** Once aborted, nothing is waited for any more. */
  signal: AbortSignal | undefined;
}

/** Runs one call in its turn. */
export type PacedCalls = <Answer>(call: () => Promise<Answer>) => Promise<Answer>;

/** A minute in all: longer than Amazon throttles one who has slowed down. */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000];

/**
 * Spaces calls out evenly, and makes one again that the service had no answer for at the time.
 * @returns runs one call; it throws what the call throws, where that may pass by itself after six more attempts
 */
export function createPacedCalls(options: PacedCallsOptions): PacedCalls {
  const { maxCallsPerSecond, now, sleep, signal } = options;
  const intervalMs = 1_000 / maxCallsPerSecond;
  let next = Number.NEGATIVE_INFINITY;

  async function waitForTurn(): Promise<void> {
    // A clock that is set back must not make this wait for what it was set back by.
    const waitMs = Math.min(next - now(), intervalMs);
    if (waitMs > 0) await sleep(waitMs);
    next = now() + intervalMs;
  }

  return async (call) => {
    for (let attempt = 0; ; attempt += 1) {
      await waitForTurn();
      try {
        return await call();
      } catch (error) {
        const pauseMs = PAUSES_MS[attempt];
        if (pauseMs === undefined || !mayPass(error) || signal?.aborted) throw error;
        await sleep(pauseMs);
        if (signal?.aborted) throw error;
      }
    }
  };
}

function mayPass(error: unknown): boolean {
  return (
    error instanceof SyncClientError && (error.condition === 'throttled' || error.condition === 'unavailable')
  );
}
