import { identityNotFound, poolNotFound } from './errors.ts';
import type { IdentityStore, StoredIdentity } from './identity-store.ts';
import type { IdentityPoolDescription } from './model.ts';

/** @throws {ServiceError} ResourceNotFoundException */
export async function findPool(
  store: Pick<IdentityStore, 'readPool'>,
  identityPoolId: string,
): Promise<IdentityPoolDescription> {
  const pool = await store.readPool(identityPoolId);
  if (pool === null) throw poolNotFound(identityPoolId);
  return pool;
}

/** An identity that somebody wants to be. */
export interface AskedIdentity {
  identity: StoredIdentity;
  pool: IdentityPoolDescription;
}

/** @throws {ServiceError} ResourceNotFoundException */
export async function findAsked(
  store: Pick<IdentityStore, 'readIdentity' | 'readPool'>,
  identityId: string,
): Promise<AskedIdentity> {
  const identity = await store.readIdentity(identityId);
  const pool = identity && (await store.readPool(identity.identityPoolId));
  if (!identity || !pool) throw identityNotFound(identityId);
  return { identity, pool };
}
