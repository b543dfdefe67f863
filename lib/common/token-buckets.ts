/** The size of a bucket and how fast it fills, in units of cost. */
export interface TokenRate {
  perSecond: number;
  /** Capacity: the units available to a caller that was idle. */
  burst: number;
}

/**
 * Takes units out of the bucket of a key.
 *
 * @returns 0 if the units were available, otherwise the milliseconds until they will be; then nothing is taken
 */
export type TokenBuckets = (key: string, cost: number) => number;

/**
 * Creates token buckets by key. Each is represented by the time at which it will be full again, so an unused bucket needs
 * no updates and a full one no entry. Above `maxKeys` the least recently used bucket is dropped, which refills it.
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
  /** In order of use, the least recently used first. */
  const fullAt = new Map<string, number>();

  return (key, cost) => {
    const at = now();
    // An operation that costs more than the capacity would never be possible.
    const next = Math.max(fullAt.get(key) ?? at, at) + Math.min(cost * msPerUnit, capacityMs);
    const waitMs = next - at - capacityMs;
    // Sums of fractions are inexact; a microsecond is no wait.
    if (waitMs > 0.001) return waitMs;
    fullAt.delete(key);
    fullAt.set(key, next);
    if (fullAt.size > maxKeys) fullAt.delete(fullAt.keys().next().value ?? key);
    return 0;
  };
}
