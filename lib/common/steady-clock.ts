/**
 * Creates a clock that never goes back, in milliseconds. Only differences between its times have a meaning. The clock
 * follows the wall clock, because Lambda freezes a process between requests, and it is not documented whether
 * `performance.now()` includes that time.
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
