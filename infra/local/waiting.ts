import { setTimeout as timer } from 'node:timers/promises';

/** Waits. Resolves early, without an error, if the signal is or becomes aborted. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export const sleep: Sleep = async (ms, signal) => {
  try {
    await timer(ms, undefined, { signal });
  } catch {
    // Aborted: the caller checks the signal.
  }
};

/** Limits of the pause before a retry. */
export interface BackoffOptions {
  retryBaseMs: number;
  retryCapMs: number;
}

/**
 * Resolves to the result of `work`, or to undefined as soon as the signal is aborted. After an abort, `work` continues,
 * but its result or failure is ignored.
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
 * Returns the delay before the next attempt, in milliseconds. The full delay doubles with each attempt up to
 * `retryCapMs`. The result is a random time from half of the full delay up to the full delay. Shards that failed at the
 * same time therefore do not retry at the same time.
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
