import { authorizeDeveloper } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';

/**
 * GetBulkPublishDetails: what has become of the pool's last bulk publish. The time of its end is told of one that
 * succeeded, the message of one that failed.
 *
 * @throws {ServiceError} ResourceNotFoundException: there is no such pool; NotAuthorizedException
 */
export function createGetBulkPublishDetails({
  pools,
  bulkPublishes,
}: Pick<SyncDependencies, 'pools' | 'bulkPublishes'>): SyncOperations['GetBulkPublishDetails'] {
  return async ({ IdentityPoolId }, caller) => {
    authorizeDeveloper(caller);
    const last = await bulkPublishes.read(IdentityPoolId);
    if (last === null && (await pools.readPool(IdentityPoolId)) === null) throw poolNotFound(IdentityPoolId);
    return {
      IdentityPoolId,
      BulkPublishStartTime: last?.startedAt ?? null,
      BulkPublishCompleteTime: last?.status === 'SUCCEEDED' ? last.completedAt : null,
      BulkPublishStatus: last?.status ?? 'NOT_STARTED',
      FailureMessage: last?.failureMessage ?? null,
    };
  };
}
