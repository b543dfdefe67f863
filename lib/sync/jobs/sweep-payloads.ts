import type { PayloadStore } from '../ports/payload-store.ts';

/**
 * Deletes expired payloads of published events in batches until no such payload is left.
 * @returns the number of payloads deleted
 */
export async function sweepPayloads(payloads: PayloadStore, now: () => number): Promise<number> {
  let swept = 0;
  for (;;) {
    const removed = await payloads.removeExpired(now());
    if (removed === 0) return swept;
    swept += removed;
  }
}
