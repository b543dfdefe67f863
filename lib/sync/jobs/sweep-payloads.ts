import type { PayloadStore } from '../ports/payload-store.ts';

/**
 * Forgets the payloads that have expired, step by step until none is left.
 * @returns how many
 */
export async function sweepPayloads(payloads: PayloadStore, now: () => number): Promise<number> {
  let swept = 0;
  for (;;) {
    const removed = await payloads.removeExpired(now());
    if (removed === 0) return swept;
    swept += removed;
  }
}
