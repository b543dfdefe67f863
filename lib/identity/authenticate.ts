import type { IdentityKey } from '../common/dataset-key.ts';
import { changeLogins } from './change-logins.ts';
import { type IdentityDependencies, newId } from './dependencies.ts';
import { guestsNotAllowed, identityForbidden } from './errors.ts';
import type { AskedIdentity } from './find.ts';
import type { StoredIdentity } from './identity-store.ts';
import { linkLogins } from './link-logins.ts';
import type { IdentityPoolDescription, Logins } from './model.ts';
import { readPublicLogins } from './read-logins.ts';

/** Who somebody is, and the providers that say so; none for a guest. */
export interface AuthenticatedIdentity {
  identity: IdentityKey;
  providers: string[];
}

type Needed = 'store' | 'openIdTokens' | 'logins' | 'mergeDatasets' | 'now' | 'randomId' | 'region';

/**
 * Lets somebody be the identity asked for: anybody while it is a guest, then those who show a login of it. Other logins
 * shown with it become its own, and a guest becomes part of whom they belong to.
 *
 * @throws {ServiceError} NotAuthorizedException
 */
export async function authenticate(
  dependencies: Pick<IdentityDependencies, Needed>,
  { identity, pool }: AskedIdentity,
  given: Logins = {},
): Promise<AuthenticatedIdentity> {
  const { identityPoolId } = identity;
  const shown = readPublicLogins(dependencies, pool, given);
  const providers = Object.keys(given).sort();
  if (providers.length === 0) {
    authenticateGuest(identity, pool);
    return { identity: { identityPoolId, identityId: identity.identityId }, providers };
  }
  const question = { identityPoolId, asked: identity.identityId, ...shown };
  const identityId = await changeLogins(dependencies, question, (found) =>
    linkLogins(found, { newIdentityId: newId(dependencies) }),
  );
  return { identity: { identityPoolId, identityId }, providers };
}

/**
 * A guest's id alone says who it is, until the identity has a login.
 * @throws {ServiceError} NotAuthorizedException
 */
export function authenticateGuest(
  { identityId, mergedInto, providers }: StoredIdentity,
  { AllowUnauthenticatedIdentities }: IdentityPoolDescription,
): void {
  if (mergedInto !== null || providers.length > 0) throw identityForbidden(identityId);
  if (!AllowUnauthenticatedIdentities) throw guestsNotAllowed();
}
