import { authorizeDeveloper } from '../../common/caller.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';

/**
 * GetBulkPublishDetails: returns the state of the pool's latest bulk publish. The completion time is returned only if
 * the bulk publish succeeded. The failure message is returned only if the bulk publish failed.
 *
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; NotAuthorizedException
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
