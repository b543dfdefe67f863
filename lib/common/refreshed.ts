/** A value that is read from outside the process and can change there. */
export interface Refreshed<Value> {
  /** Returns the value. Reads it if it was never read, or if it is older than the maximum age. */
  get(): Promise<Value>;
  /** Reads the value again, unless it was read a short time ago. */
  refresh(): Promise<Value>;
}

export interface RefreshedOptions<Value> {
  read: (previous: Value | undefined) => Promise<Value>;
  maxAgeMs: number;
  /** An earlier value remains in use for at most this long after it was read. */
  maxStaleMs: number;
  /** Minimum time between two reads after the first success. */
  minIntervalMs: number;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  /** Longest wait for a later read. The earlier value remains in use until that read ends. */
  maxWaitMs: number;
  /** Resolves after this many milliseconds; its timer must not keep the process alive. */
  sleep: (ms: number) => Promise<void>;
  /** Called if a later read failed. The earlier value remains in use. */
  report: (error: unknown) => void;
  /** Called with the earlier value after a later read has returned another one. */
  onReplaced?: (earlier: Value) => void;
}

/**
 * Keeps a value and reads it again from time to time. If a later read fails or takes too long, the earlier value remains
 * in use, but not indefinitely. Calls reject if there is no value that may be used; a later call then tries again.
 */
export function createRefreshed<Value>({
  read,
  maxAgeMs,
  maxStaleMs,
  minIntervalMs,
  maxWaitMs,
  sleep,
  now,
  report,
  onReplaced,
}: RefreshedOptions<Value>): Refreshed<Value> {
  let held: { value: Value; at: number } | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<Value> | undefined;

  /** Returns the earlier value if it may still be used. */
  const usable = () => (held !== undefined && now() - held.at < maxStaleMs ? held : undefined);

  async function readOnce(): Promise<Value> {
    const at = now();
    readAt = at;
    try {
      const replaced = held;
      const value = await read(replaced?.value);
      held = { value, at };
      if (replaced && replaced.value !== value) onReplaced?.(replaced.value);
      return value;
    } catch (error) {
      const earlier = usable();
      if (earlier === undefined) throw error;
      report(error);
      return earlier.value;
    } finally {
      reading = undefined;
    }
  }

  function readAfter(intervalMs: number): Promise<Value> {
    const earlier = usable();
    if (earlier !== undefined && now() - readAt < intervalMs) return Promise.resolve(earlier.value);
    reading ??= readOnce();
    if (earlier === undefined) return reading;
    return Promise.race([reading, sleep(maxWaitMs).then(() => earlier.value)]);
  }

  return { get: () => readAfter(maxAgeMs), refresh: () => readAfter(minIntervalMs) };
}
