import type { Caller } from '../../common/caller.ts';
import type { DatasetKey } from '../../common/dataset-key.ts';
import type { PoolStore } from '../ports/pool-store.ts';

/**
 * Returns the ARN of the function that checks an update; null if the pool has no sync trigger. Also returns null for
 * developers, because the function never receives their updates.
 */
export async function findSyncTrigger(
  pools: Pick<PoolStore, 'readPool'>,
  { identityPoolId }: DatasetKey,
  caller: Caller,
): Promise<string | null> {
  if (caller.kind === 'developer') return null;
  const pool = await pools.readPool(identityPoolId);
  return pool?.syncTrigger ?? null;
}
