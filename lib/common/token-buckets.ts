/** The size of a bucket and how fast it fills, in units of cost. */
export interface TokenRate {
  perSecond: number;
  /** Capacity in units: the most that a caller can use at once, after it has been idle. */
  burst: number;
}

export interface TokenBuckets {
  /**
   * Takes units out of the bucket of a key.
   *
   * @param cost 0 only checks that the bucket is not overdrawn
   * @returns 0 if the units were available and were taken; otherwise the milliseconds until they will be available, and
   *   no units are taken
   */
  take(key: string, cost: number): number;
  /**
   * Takes units for work that is already done, even if the bucket does not have them. The bucket may then be overdrawn.
   */
  owe(key: string, cost: number): void;
}

/**
 * Creates one token bucket per key. A bucket is stored as the time at which it will be full again. An unused bucket
 * therefore needs no updates, and a full bucket needs no entry. A bucket can be overdrawn by at most its capacity.
 * Above `maxKeys` entries, the least recently used entry is dropped; the bucket of its key is then full again.
 *
 * @param now milliseconds of a clock that never goes back
 */
export function createTokenBuckets({
  rate,
  maxKeys,
  now,
}: {
  rate: TokenRate;
  maxKeys: number;
  now: () => number;
}): TokenBuckets {
  const msPerUnit = 1000 / rate.perSecond;
  const capacityMs = rate.burst * msPerUnit;
  /** The time at which each key's bucket is full. Keys are in order of use, the least recently used key first. */
  const fullAt = new Map<string, number>();

  function set(key: string, time: number): void {
    fullAt.delete(key);
    fullAt.set(key, time);
    if (fullAt.size > maxKeys) fullAt.delete(fullAt.keys().next().value ?? key);
  }

  /**
   * Returns the time at which a key's bucket is full after an operation. The cost is capped at the capacity. Otherwise,
   * an operation that costs more than the capacity would never succeed.
   */
  const after = (key: string, cost: number, at: number) =>
    Math.max(fullAt.get(key) ?? at, at) + Math.min(cost * msPerUnit, capacityMs);

  return {
    take(key, cost) {
      const at = now();
      const next = after(key, cost, at);
      const waitMs = next - at - capacityMs;
      // Sums of fractions are inexact, so a wait of up to a microsecond counts as no wait.
      if (waitMs > 0.001) return waitMs;
      set(key, next);
      return 0;
    },
    owe(key, cost) {
      const at = now();
      set(key, Math.min(after(key, cost, at), at + 2 * capacityMs));
    },
  };
}
