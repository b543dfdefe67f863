import { authorizeDeveloper } from '../../common/caller.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { identityNotFound } from '../errors.ts';
import { findAskedIdentity } from '../find-asked-identity.ts';
import type { IdentityOperations } from '../model.ts';
import { toIdentityDescription } from '../to-output.ts';

/**
 * DescribeIdentity: returns an identity's dates and the providers of its logins. An identity that was merged into
 * another identity has no logins any more.
 *
 * @throws {ServiceError} ResourceNotFoundException, NotAuthorizedException
 */
export function createDescribeIdentity({
  store,
}: Pick<IdentityDependencies, 'store'>): IdentityOperations['DescribeIdentity'] {
  return async ({ IdentityId }, caller) => {
    authorizeDeveloper(caller);
    const found = await findAskedIdentity(store, IdentityId);
    if (!found) throw identityNotFound(IdentityId);
    return toIdentityDescription(found.identity);
  };
}
