/**
 * Creates a clock that never goes back, in milliseconds; only differences matter. It follows the wall clock: Lambda
 * freezes a process between requests, and whether `performance.now()` counts that time is not documented.
 *
 * @param wallClock epoch milliseconds
 */
export function createSteadyClock(wallClock: () => number = Date.now): () => number {
  let last = wallClock();
  let elapsed = 0;
  return () => {
    const current = wallClock();
    elapsed += Math.max(0, current - last);
    last = current;
    return elapsed;
  };
}
