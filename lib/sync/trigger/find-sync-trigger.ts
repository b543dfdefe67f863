import type { DatasetKey } from '../../common/dataset-key.ts';
import type { Caller } from '../model.ts';
import type { PoolStore } from '../ports/pool-store.ts';

/**
 * ARN of the function that is to look at an update; null where the pool has none, and for developers, whose updates it
 * never sees.
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
