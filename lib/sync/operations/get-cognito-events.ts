import { authorizeDeveloper } from '../../common/caller.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';

/**
 * GetCognitoEvents: returns the function that is set for each event of the pool; empty if no function is set.
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; NotAuthorizedException
 */
export function createGetCognitoEvents({
  pools,
}: Pick<SyncDependencies, 'pools'>): SyncOperations['GetCognitoEvents'] {
  return async ({ IdentityPoolId }, caller) => {
    authorizeDeveloper(caller);
    const pool = await pools.readPool(IdentityPoolId);
    if (pool === null) throw poolNotFound(IdentityPoolId);
    return { Events: pool.syncTrigger === null ? {} : { SyncTrigger: pool.syncTrigger } };
  };
}
