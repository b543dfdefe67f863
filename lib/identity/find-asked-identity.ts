import type { IdentityDependencies } from './dependencies.ts';
import type { IdentityPoolDescription, Logins } from './model.ts';
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

/**
 * Does the same as `findAskedIdentity` for a client. If a guest is unknown here, also asks the origin of a migration,
 * because the guest may have been created there after the copy. For an identity with logins, this is not necessary:
 * after the error, the client calls GetId, which finds the identity.
 */
export async function findAskedByClient(
  { store, origin }: Pick<IdentityDependencies, 'store' | 'origin'>,
  identityId: string,
  logins: Logins = {},
): Promise<AskedIdentity | null> {
  const asked = await findAskedIdentity(store, identityId);
  if (asked !== null || Object.keys(logins).length > 0) return asked;
  return (await origin.findGuest(identityId)) ? findAskedIdentity(store, identityId) : null;
}
