import type { IdentityPoolDescription } from './model.ts';
import type { IdentityStore, StoredIdentity } from './ports/identity-store.ts';

/** The identity that a request asks for, and its pool. */
export interface AskedIdentity {
  identity: StoredIdentity;
  pool: IdentityPoolDescription;
}

/**
 * Returns the identity that a request asks for, and the identity's pool. Returns null if the identity or its pool does
 * not exist. The operation chooses the error: developers may learn that the identity does not exist, clients may not.
 */
export async function findAskedIdentity(
  store: Pick<IdentityStore, 'readIdentity' | 'readPool'>,
  identityId: string,
): Promise<AskedIdentity | null> {
  const identity = await store.readIdentity(identityId);
  const pool = identity && (await store.readPool(identity.identityPoolId));
  return identity && pool ? { identity, pool } : null;
}
