import { ServiceError } from '../../common/errors.ts';
import { authorizeDeveloper } from '../../sync/authorize.ts';
import { changeLogins } from '../change-logins.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { findPool } from '../find.ts';
import type { FoundLogins, LinkDecision } from '../identity-store.ts';
import type { IdentityOperations, IdentityPoolDescription } from '../model.ts';
import { developerLogin, developerProviderOf } from '../read-logins.ts';

/**
 * MergeDeveloperIdentities: two users of a developer are one person; the identity of the source becomes part of that of
 * the destination.
 *
 * @throws {ServiceError} ResourceNotFoundException: there is no such pool, or no such user in it;
 *   InvalidParameterException: not the pool's developer provider; NotAuthorizedException
 */
export function createMergeDeveloperIdentities(
  dependencies: Pick<IdentityDependencies, 'store' | 'mergeDatasets' | 'now'>,
): IdentityOperations['MergeDeveloperIdentities'] {
  return async (input, caller) => {
    authorizeDeveloper(caller);
    const { IdentityPoolId, SourceUserIdentifier, DestinationUserIdentifier } = input;
    const provider = checkProvider(await findPool(dependencies.store, IdentityPoolId), input);
    const source = developerLogin(provider, SourceUserIdentifier, 'sourceUserIdentifier');
    const destination = developerLogin(provider, DestinationUserIdentifier, 'destinationUserIdentifier');
    const logins = source.userId === destination.userId ? [source] : [source, destination];
    const question = { identityPoolId: IdentityPoolId, asked: null, proven: null, logins };
    return { IdentityId: await changeLogins(dependencies, question, mergeInOrder) };
  };
}

function checkProvider(
  pool: IdentityPoolDescription,
  { DeveloperProviderName }: { DeveloperProviderName: string },
): string {
  const provider = developerProviderOf(pool);
  if (DeveloperProviderName !== provider) {
    throw new ServiceError(
      'InvalidParameterException',
      `DeveloperProviderName must be the identity pool's, '${provider}'.`,
    );
  }
  return provider;
}

/** The first of the two logins is the source's; where both are one, there is but one. */
function mergeInOrder({ owned, unowned }: FoundLogins): LinkDecision {
  const source = owned[0]?.owner.identityId;
  const destination = owned.at(-1)?.owner.identityId;
  if (source === undefined || destination === undefined || unowned.length > 0) {
    throw new ServiceError('ResourceNotFoundException', 'There is no such developer user in the pool.');
  }
  const merge = source === destination ? [] : [source];
  return { identityId: destination, isNew: false, link: [], merge };
}
