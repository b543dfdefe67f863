/** Maximum number of entries. */
const MAX_ENTRIES = 100_000;

/** Values that are valid for a limited time. */
export interface Recent<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
}

/**
 * Creates a bounded map of values that are valid for a limited time. If the map is full, the oldest value is dropped.
 *
 * @param validMs how long a value is valid
 * @param now milliseconds of a clock that never goes back
 */
export function createRecent<Value>(validMs: number, now: () => number): Recent<Value> {
  const entries = new Map<string, { value: Value; until: number }>();
  return {
    get(key) {
      const entry = entries.get(key);
      return entry !== undefined && now() < entry.until ? entry.value : undefined;
    },
    set(key, value) {
      entries.delete(key);
      entries.set(key, { value, until: now() + validMs });
      const [oldest] = entries.keys();
      if (entries.size > MAX_ENTRIES && oldest !== undefined) entries.delete(oldest);
    },
  };
}
