import { authorizeDeveloper } from '../../common/caller.ts';
import { changeLogins } from '../change-logins.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { developerUserConflict, developerUserNotFound, identityNotFound } from '../errors.ts';
import { findPool } from '../find-pool.ts';
import type { IdentityOperations } from '../model.ts';
import type { FoundLogins } from '../ports/identity-store.ts';
import { checkDeveloperProvider, developerLogin } from '../read-logins.ts';

type Needed = 'store' | 'origin' | 'mergeDatasets' | 'now';

/**
 * UnlinkDeveloperIdentity: removes a user of the developer provider from an identity. The user gets a new identity at
 * the next login. An identity whose last login was unlinked is inaccessible. Source: API reference of Cognito Identity,
 * UnlinkDeveloperIdentity.
 *
 * @throws {ServiceError} ResourceNotFoundException if the pool, the identity or the user does not exist;
 *   ResourceConflictException if the user belongs to another identity; InvalidParameterException if the provider is not
 *   the pool's developer provider; NotAuthorizedException
 */
export function createUnlinkDeveloperIdentity(
  dependencies: Pick<IdentityDependencies, Needed>,
): IdentityOperations['UnlinkDeveloperIdentity'] {
  return async (input, caller) => {
    authorizeDeveloper(caller);
    const { IdentityPoolId, IdentityId, DeveloperUserIdentifier } = input;
    const pool = await findPool(dependencies.store, IdentityPoolId);
    const provider = checkDeveloperProvider(pool, input);
    const user = developerLogin(provider, DeveloperUserIdentifier, 'developerUserIdentifier');
    const question = { identityPoolId: IdentityPoolId, asked: IdentityId, proven: null, logins: [user] };
    await dependencies.origin.unlinkDeveloperUser({ pool, identityId: IdentityId, ...user });
    await changeLogins(dependencies, question, (found) => ({
      identityId: findOwner(found, IdentityId),
      isNew: false,
      link: [],
      merge: [],
      unlink: { logins: [user], providers: [] },
    }));
    return {};
  };
}

/**
 * Checks that the user belongs to the requested identity, or to the identity into which it was merged, and returns its
 * id.
 */
function findOwner({ asked, owned }: FoundLogins, requestedId: string): string {
  if (asked === null) throw identityNotFound(requestedId);
  const [user] = owned;
  if (user === undefined) throw developerUserNotFound();
  if (user.owner.identityId !== asked.identityId) throw developerUserConflict();
  return asked.identityId;
}
