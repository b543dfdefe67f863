import type { PoolStore } from '../ports/pool-store.ts';

/** Returns the ARN of the function that checks the updates of identities; null if the pool has no sync trigger. */
export async function findSyncTrigger(
  pools: Pick<PoolStore, 'readPool'>,
  identityPoolId: string,
): Promise<string | null> {
  const pool = await pools.readPool(identityPoolId);
  return pool?.syncTrigger ?? null;
}
