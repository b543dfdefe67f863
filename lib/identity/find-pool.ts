import type { IdentityStore } from './identity-store.ts';
import type { IdentityPoolDescription } from './model.ts';
import { poolNotFound } from './not-found.ts';

/** @throws {ServiceError} ResourceNotFoundException */
export async function findPool(
  store: Pick<IdentityStore, 'readPool'>,
  identityPoolId: string,
): Promise<IdentityPoolDescription> {
  const pool = await store.readPool(identityPoolId);
  if (pool === null) throw poolNotFound(identityPoolId);
  return pool;
}
