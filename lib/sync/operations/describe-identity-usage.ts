import { authorizeIdentity, rejectRevoked } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';

/**
 * DescribeIdentityUsage: returns the number of datasets and bytes of one identity. For an unknown identity of an
 * existing pool, the two numbers are 0.
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; NotAuthorizedException
 */
export function createDescribeIdentityUsage({
  store,
  pools,
}: Pick<SyncDependencies, 'store' | 'pools'>): SyncOperations['DescribeIdentityUsage'] {
  return async (input, caller) => {
    const identity = authorizeIdentity(input, caller);
    const [pool, usage] = await Promise.all([
      pools.readPool(identity.identityPoolId),
      pools.readIdentityUsage(identity),
    ]);
    if (pool === null) throw poolNotFound(identity.identityPoolId);
    if (usage.lastModifiedDate === null) await rejectRevoked(caller, store.isIdentityDeleted);
    return {
      IdentityUsage: {
        IdentityId: identity.identityId,
        IdentityPoolId: identity.identityPoolId,
        LastModifiedDate: usage.lastModifiedDate,
        DatasetCount: usage.datasetCount,
        DataStorage: usage.dataStorage,
      },
    };
  };
}
