import { setTimeout as timer } from 'node:timers/promises';

/** Waits; ends early, without an error, when the signal is or gets aborted. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export const sleep: Sleep = async (ms, signal) => {
  try {
    await timer(ms, undefined, { signal });
  } catch {
    // Aborted: whoever waits looks at the signal.
  }
};

/** Bounds of the pause before a retry. */
export interface BackoffOptions {
  retryBaseMs: number;
  retryCapMs: number;
}

/**
 * The work's result, or undefined as soon as the signal is aborted; the work is then left to itself and a
 * later failure of it ignored.
 */
export async function untilAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result | undefined> {
  return new Promise((resolve, reject) => {
    const abandon = () => resolve(undefined);
    if (signal.aborted) abandon();
    signal.addEventListener('abort', abandon, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abandon));
  });
}

/**
 * Milliseconds before the next attempt: doubled each time up to `retryCapMs`, and of that a random part
 * between a half and all, so that shards that failed together do not come back together.
 *
 * @param attempt 0 for the first retry
 * @param random 0 (included) to 1 (excluded)
 */
export function retryDelayMs(
  attempt: number,
  { retryBaseMs, retryCapMs }: BackoffOptions,
  random: number,
): number {
  const fullMs = Math.min(retryCapMs, retryBaseMs * 2 ** attempt);
  return fullMs * (0.5 + random / 2);
}
