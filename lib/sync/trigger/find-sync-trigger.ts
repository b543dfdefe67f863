import type { DatasetKey } from '../../common/dataset-key.ts';
import type { Caller } from '../model.ts';
import type { PoolStore } from '../ports/pool-store.ts';

/**
 * Returns the ARN of the function that checks an update; null if the pool has none. It is also null for developers,
 * whose updates the function never receives.
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
