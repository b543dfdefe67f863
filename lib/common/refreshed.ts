/** A value that is read from outside the process and can change there. */
export interface Refreshed<Value> {
  /** Returns the value. Reads it if it was never read, or if it is older than the maximum age. */
  get(): Promise<Value>;
  /** Reads the value again, unless it was read a short time ago. */
  refresh(): Promise<Value>;
}

interface RefreshedOptions<Value> {
  read: (previous: Value | undefined) => Promise<Value>;
  maxAgeMs: number;
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
}

/**
 * Keeps a value and reads it again from time to time. If a later read fails or takes too long, the earlier value remains
 * in use. Only the first read can reject; a later call then tries again.
 */
export function createRefreshed<Value>({
  read,
  maxAgeMs,
  minIntervalMs,
  maxWaitMs,
  sleep,
  now,
  report,
}: RefreshedOptions<Value>): Refreshed<Value> {
  let held: { value: Value } | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<Value> | undefined;

  async function readOnce(): Promise<Value> {
    readAt = now();
    try {
      held = { value: await read(held?.value) };
    } catch (error) {
      if (held === undefined) throw error;
      report(error);
    } finally {
      reading = undefined;
    }
    return held.value;
  }

  function readAfter(intervalMs: number): Promise<Value> {
    if (held !== undefined && now() - readAt < intervalMs) return Promise.resolve(held.value);
    reading ??= readOnce();
    const { value: earlier } = held ?? {};
    if (earlier === undefined) return reading;
    return Promise.race([reading, sleep(maxWaitMs).then(() => earlier)]);
  }

  return { get: () => readAfter(maxAgeMs), refresh: () => readAfter(minIntervalMs) };
}
