import { poolNotFound } from './errors.ts';
import type { IdentityPoolDescription } from './model.ts';
import type { IdentityStore } from './ports/identity-store.ts';

/**
 * Returns a pool.
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist
 */
export async function findPool(
  store: Pick<IdentityStore, 'readPool'>,
  identityPoolId: string,
): Promise<IdentityPoolDescription> {
  const pool = await store.readPool(identityPoolId);
  if (pool === null) throw poolNotFound(identityPoolId);
  return pool;
}
