import { streamProblem } from './copy.ts';
import type { MoveStore } from './ports/move-store.ts';
import type { Origin } from './ports/origin.ts';

/**
 * Saves that all events of a pool up to a time are applied. If the pool does not stream to the followed stream any more,
 * saves instead that changes are missing.
 *
 * @param retentionMs how long the stream keeps its events
 * @returns what is wrong at the origin; null if the pool streams
 * @throws {SyncClientError} the origin did not respond; nothing is saved
 */
export async function checkFollowed(
  { store, origin }: { store: Pick<MoveStore, 'saveCaughtUp' | 'saveGap'>; origin: Origin },
  identityPoolId: string,
  { upTo, retentionMs }: { upTo: number; retentionMs: number },
): Promise<string | null> {
  const problem = streamProblem(await origin.readPool(identityPoolId), origin);
  if (problem === null) await store.saveCaughtUp(identityPoolId, { upTo, retentionMs });
  else await store.saveGap(identityPoolId, upTo);
  return problem;
}
