import { authorizeDeveloper } from '../../sync/authorize.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { findPool } from '../find-pool.ts';
import type { IdentityOperations } from '../model.ts';

/**
 * DeleteIdentityPool: the pool, its identities and all that is stored for them.
 * @throws {ServiceError} ResourceNotFoundException, NotAuthorizedException
 */
export function createDeleteIdentityPool({
  store,
  deletePoolData,
}: Pick<IdentityDependencies, 'store' | 'deletePoolData'>): IdentityOperations['DeleteIdentityPool'] {
  return async ({ IdentityPoolId }, caller) => {
    authorizeDeveloper(caller);
    await findPool(store, IdentityPoolId);
    // While the pool is there devices go on writing to it, and without it nobody could ask for its deletion again after
    // a crash. So the data goes first, then the pool, then what was written between the two.
    await deletePoolData(IdentityPoolId);
    await store.removePool(IdentityPoolId);
    await deletePoolData(IdentityPoolId);
    return {};
  };
}
