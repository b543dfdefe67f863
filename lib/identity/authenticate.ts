import type { IdentityKey } from '../common/dataset-key.ts';
import { askOrigin } from './ask-origin.ts';
import { changeLogins } from './change-logins.ts';
import { type IdentityDependencies, type LoginDependencies, newId } from './dependencies.ts';
import { guestsNotAllowed, identityForbidden } from './errors.ts';
import type { AskedIdentity } from './find-asked-identity.ts';
import { linkLogins } from './link-logins.ts';
import type { IdentityPoolDescription, Logins } from './model.ts';
import type { StoredIdentity } from './ports/identity-store.ts';
import type { AskedOperation } from './ports/origin-logins.ts';
import { readPublicLogins } from './read-logins.ts';

export interface AuthenticatedIdentity {
  identity: IdentityKey;
  /** The providers whose logins prove the identity; empty for a guest. */
  providers: string[];
  /** Epoch seconds at which the presented OpenID token expires; undefined if no OpenID token was presented. */
  tokenExpiresAt: number | undefined;
}

/**
 * Authenticates a client as the identity that it asks for. A guest's id is sufficient proof. For any other identity,
 * the client must present one of the identity's logins. Further logins in the request are linked to the identity. If a
 * client presents a guest's id and logins of another identity, the guest is merged into that identity.
 *
 * @param operation the operation that the client calls
 * @throws {ServiceError} NotAuthorizedException if the client does not prove that it is the identity, or if the
 *   identity is a guest and the pool does not allow guests; otherwise the errors of `changeLogins`
 */
export async function authenticate(
  dependencies: LoginDependencies,
  { identity, pool }: AskedIdentity,
  operation: AskedOperation,
  given: Logins = {},
): Promise<AuthenticatedIdentity> {
  const { identityPoolId } = identity;
  const asked = identity.identityId;
  const presented = await readPublicLogins(dependencies, pool, given);
  const { tokenExpiresAt } = presented;
  const providers = Object.keys(given).sort();
  if (providers.length === 0) {
    authenticateGuest(identity, pool);
    await dependencies.origin.checkGuest(identity, operation);
    await markUsed(dependencies, identity);
    return { identity: { identityPoolId, identityId: asked }, providers, tokenExpiresAt };
  }
  const question = await askOrigin(dependencies, pool, { operation, asked, presented });
  const identityId = await changeLogins(dependencies, question, (found) => {
    // The identity, or its pool, may have been deleted since the identity was read.
    if (found.asked === null) throw identityForbidden(asked);
    return linkLogins(found, {
      newIdentityId: newId(dependencies),
      developerProvider: pool.DeveloperProviderName,
    });
  });
  return { identity: { identityPoolId, identityId }, providers, tokenExpiresAt };
}

/**
 * Authenticates a client as a guest. The identity's id is sufficient proof as long as the identity never had a login.
 * After its last login was unlinked, an identity does not become a guest again, because anyone who knows its id could
 * then use it.
 * @throws {ServiceError} NotAuthorizedException if the identity is not a guest or the pool does not allow guests
 */
export function authenticateGuest(
  { identityId, mergedInto, providers, unlinkedAt }: StoredIdentity,
  { AllowUnauthenticatedIdentities }: IdentityPoolDescription,
): void {
  if (mergedInto !== null || providers.length > 0 || unlinkedAt !== null) throw identityForbidden(identityId);
  if (!AllowUnauthenticatedIdentities) throw guestsNotAllowed();
}

/**
 * Minimum time between two writes of a guest's last use. Frequent requests of one guest therefore cause at most one
 * write per day. The recorded time may be a day old, which does not matter: `sweepGuests` removes a guest only if it
 * was not used for much longer than a day.
 */
const MARK_INTERVAL_MS = 24 * 60 * 60 * 1000;

/**
 * Records that a guest is in use, so that `sweepGuests` does not remove a guest that has valid credentials.
 * @throws {ServiceError} NotAuthorizedException if `sweepGuests` has just removed the guest
 */
async function markUsed(
  { store, now }: Pick<IdentityDependencies, 'store' | 'now'>,
  { identityId, usedAt }: StoredIdentity,
): Promise<void> {
  const at = now();
  if (usedAt !== null && at - usedAt < MARK_INTERVAL_MS) return;
  if (!(await store.markUsed(identityId, at))) throw identityForbidden(identityId);
}
