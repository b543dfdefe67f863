import { changeLogins } from '../change-logins.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { developerProviderIsNotPublic, identityForbidden, loginsDoNotMatch } from '../errors.ts';
import { findAskedIdentity } from '../find-asked-identity.ts';
import type { IdentityOperations } from '../model.ts';
import type { FoundLogins } from '../ports/identity-store.ts';
import { readPublicLogins } from '../read-logins.ts';

type Needed = 'store' | 'openIdTokens' | 'verifyLogin' | 'origin' | 'mergeDatasets' | 'now';

/**
 * UnlinkIdentity: removes all logins of the providers in LoginsToRemove from an identity. At least one login in the
 * request must be a login of the identity. No login in the request is linked. A provider at which the identity has no
 * login is ignored, so the request can be repeated as long as another login remains.
 *
 * A user whose login was unlinked gets a new identity at the next login. An identity whose last login was unlinked is
 * inaccessible. Source: API reference of Cognito Identity, UnlinkIdentity.
 *
 * @throws {ServiceError} NotAuthorizedException if the identity does not exist, or the logins do not prove it; an error
 *   of `readPublicLogins`, also if LoginsToRemove contains the developer provider
 */
export function createUnlinkIdentity(
  dependencies: Pick<IdentityDependencies, Needed>,
): IdentityOperations['UnlinkIdentity'] {
  return async ({ IdentityId, Logins, LoginsToRemove }) => {
    const asked = await findAskedIdentity(dependencies.store, IdentityId);
    if (!asked) throw identityForbidden(IdentityId);
    const { identityPoolId } = asked.identity;
    const { DeveloperProviderName } = asked.pool;
    if (DeveloperProviderName !== undefined && LoginsToRemove.includes(DeveloperProviderName)) {
      throw developerProviderIsNotPublic();
    }
    const presented = await readPublicLogins(dependencies, asked.pool, Logins);
    const { proven, provenAt, logins, forOrigin } = presented;
    const question = { identityPoolId, asked: IdentityId, proven, provenAt, logins };
    const isProvenAtOrigin = await dependencies.origin.unlink({
      pool: asked.pool,
      identityId: IdentityId,
      logins: forOrigin,
      providers: LoginsToRemove,
    });
    await changeLogins(dependencies, question, (found) => {
      const identityId = proveAsked(found, IdentityId, isProvenAtOrigin);
      const unlink = { logins: [], providers: LoginsToRemove };
      return { identityId, isNew: false, link: [], merge: [], unlink };
    });
    return {};
  };
}

/** Returns the id of the requested identity, or of the identity into which it was merged. */
function proveAsked(
  { asked, proven, owned }: FoundLogins,
  requestedId: string,
  isProvenAtOrigin: boolean,
): string {
  // The identity may have been deleted since it was read.
  if (asked === null) throw identityForbidden(requestedId);
  const { identityId } = asked;
  const isProven =
    isProvenAtOrigin ||
    (proven === null
      ? owned.some(({ owner }) => owner.identityId === identityId)
      : proven.identityId === identityId);
  if (!isProven) throw loginsDoNotMatch();
  return identityId;
}
