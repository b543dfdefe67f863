import { authorizeDeveloper } from '../../common/caller.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { findPool } from '../find-pool.ts';
import type { IdentityOperations } from '../model.ts';

/**
 * DescribeIdentityPool: returns the settings of a pool.
 * @throws {ServiceError} ResourceNotFoundException, NotAuthorizedException
 */
export function createDescribeIdentityPool({
  store,
}: Pick<IdentityDependencies, 'store'>): IdentityOperations['DescribeIdentityPool'] {
  return async ({ IdentityPoolId }, caller) => {
    authorizeDeveloper(caller);
    return findPool(store, IdentityPoolId);
  };
}
