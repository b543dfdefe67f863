import { authorizeDeveloper } from '../../common/caller.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';
import { toPoolConfiguration } from '../to-output.ts';

/**
 * GetIdentityPoolConfiguration: returns the push and stream settings of the pool; a setting that was never set is null.
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; NotAuthorizedException
 */
export function createGetIdentityPoolConfiguration({
  pools,
}: Pick<SyncDependencies, 'pools'>): SyncOperations['GetIdentityPoolConfiguration'] {
  return async ({ IdentityPoolId }, caller) => {
    authorizeDeveloper(caller);
    const pool = await pools.readPool(IdentityPoolId);
    if (pool === null) throw poolNotFound(IdentityPoolId);
    return toPoolConfiguration(pool);
  };
}
