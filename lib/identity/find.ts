import { poolNotFound } from './errors.ts';
import type { IdentityStore, StoredIdentity } from './identity-store.ts';
import type { IdentityPoolDescription } from './model.ts';

/**
 * Returns a pool.
 * @throws {ServiceError} ResourceNotFoundException if it does not exist
 */
export async function findPool(
  store: Pick<IdentityStore, 'readPool'>,
  identityPoolId: string,
): Promise<IdentityPoolDescription> {
  const pool = await store.readPool(identityPoolId);
  if (pool === null) throw poolNotFound(identityPoolId);
  return pool;
}

/** The identity that a request asks for, and its pool. */
export interface AskedIdentity {
  identity: StoredIdentity;
  pool: IdentityPoolDescription;
}

/**
 * Returns the identity that a request asks for, and its pool; null if there is no such identity or its pool is gone.
 * The operation decides on the error: developers learn that it does not exist, clients do not.
 */
export async function findAsked(
  store: Pick<IdentityStore, 'readIdentity' | 'readPool'>,
  identityId: string,
): Promise<AskedIdentity | null> {
  const identity = await store.readIdentity(identityId);
  const pool = identity && (await store.readPool(identity.identityPoolId));
  return identity && pool ? { identity, pool } : null;
}
