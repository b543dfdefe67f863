import { authorizeDeveloper } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';
import { toPoolConfiguration } from '../to-output.ts';

/**
 * GetIdentityPoolConfiguration: what is set for the pool's push and stream; null for what never was.
 * @throws {ServiceError} ResourceNotFoundException: there is no such pool; NotAuthorizedException
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
