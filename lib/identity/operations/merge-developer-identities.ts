import { authorizeDeveloper } from '../../common/caller.ts';
import { changeLogins } from '../change-logins.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { developerUserNotFound } from '../errors.ts';
import { findPool } from '../find-pool.ts';
import { requireLinkable } from '../link-logins.ts';
import type { IdentityOperations } from '../model.ts';
import type { FoundLogins, LinkDecision } from '../ports/identity-store.ts';
import { checkDeveloperProvider, developerLogin } from '../read-logins.ts';

/**
 * MergeDeveloperIdentities: merges the identity of the source user into the identity of the destination user, because
 * the two users are the same person.
 *
 * @throws {ServiceError} ResourceNotFoundException if the pool or one of the two users does not exist;
 *   InvalidParameterException if the provider is not the pool's developer provider; ResourceConflictException if the
 *   users have different logins of one public provider, or too many logins; NotAuthorizedException
 */
export function createMergeDeveloperIdentities(
  dependencies: Pick<IdentityDependencies, 'store' | 'mergeDatasets' | 'now'>,
): IdentityOperations['MergeDeveloperIdentities'] {
  return async (input, caller) => {
    authorizeDeveloper(caller);
    const { IdentityPoolId, SourceUserIdentifier, DestinationUserIdentifier } = input;
    const provider = checkDeveloperProvider(await findPool(dependencies.store, IdentityPoolId), input);
    const source = developerLogin(provider, SourceUserIdentifier, 'sourceUserIdentifier');
    const destination = developerLogin(provider, DestinationUserIdentifier, 'destinationUserIdentifier');
    const logins = source.userId === destination.userId ? [source] : [source, destination];
    const question = { identityPoolId: IdentityPoolId, asked: null, proven: null, logins };
    return {
      IdentityId: await changeLogins(dependencies, question, (found) => {
        const decision = mergeSource(found);
        requireLinkable(found, decision, provider);
        return decision;
      }),
    };
  };
}

/**
 * Merges the source user's identity, which owns the first login, into the destination user's identity, which owns the
 * last login. If source and destination are the same user, there is only one login.
 */
function mergeSource({ owned, unowned }: FoundLogins): LinkDecision {
  const source = owned[0]?.owner.identityId;
  const destination = owned.at(-1)?.owner.identityId;
  if (source === undefined || destination === undefined || unowned.length > 0) {
    throw developerUserNotFound();
  }
  const merge = source === destination ? [] : [source];
  return { identityId: destination, isNew: false, link: [], merge };
}
