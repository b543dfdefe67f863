import { authorizeDeveloper } from '../../common/caller.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';
import { toPoolUsage } from '../to-output.ts';

/**
 * DescribeIdentityPoolUsage: returns how many bytes the pool's datasets store, and the date of their last change.
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; NotAuthorizedException
 */
export function createDescribeIdentityPoolUsage({
  pools,
}: Pick<SyncDependencies, 'pools'>): SyncOperations['DescribeIdentityPoolUsage'] {
  return async ({ IdentityPoolId }, caller) => {
    authorizeDeveloper(caller);
    const usage = await pools.readPoolUsage(IdentityPoolId);
    if (usage === null) throw poolNotFound(IdentityPoolId);
    return { IdentityPoolUsage: toPoolUsage(usage) };
  };
}
