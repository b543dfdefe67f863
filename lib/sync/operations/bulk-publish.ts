import { authorizeDeveloper } from '../../common/caller.ts';
import { ServiceError } from '../../common/errors.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';
import type { BulkPublishJob } from '../ports/bulk-publish-job-store.ts';

/** Shortest time between two successful bulk publishes. Source: API reference, AlreadyStreamedException. */
const MIN_INTERVAL_MS = 24 * 60 * 60 * 1000;

/**
 * BulkPublish: starts a job that publishes all existing datasets of the pool to its stream; `runBulkPublishes` does
 * the work.
 *
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; InvalidParameterException if the pool
 *   does not stream; DuplicateRequestException if a bulk publish is in progress; AlreadyStreamedException if a bulk
 *   publish succeeded less than 24 hours ago; NotAuthorizedException
 */
export function createBulkPublish({
  pools,
  bulkPublishes,
  now,
  afterBulkPublish,
}: Pick<
  SyncDependencies,
  'pools' | 'bulkPublishes' | 'now' | 'afterBulkPublish'
>): SyncOperations['BulkPublish'] {
  return async ({ IdentityPoolId }, caller) => {
    authorizeDeveloper(caller);
    const pool = await pools.readPool(IdentityPoolId);
    if (pool === null) throw poolNotFound(IdentityPoolId);
    if (pool.streams?.status !== 'ENABLED') {
      throw new ServiceError(
        'InvalidParameterException',
        `Streaming of IdentityPool '${IdentityPoolId}' is not enabled`,
      );
    }
    const last = await bulkPublishes.read(IdentityPoolId);
    checkLast(IdentityPoolId, last, now());
    const begun = await bulkPublishes.begin(IdentityPoolId, now(), last?.bulkPublishId ?? null);
    if (!begun) throw inProgress(IdentityPoolId);
    afterBulkPublish();
    return { IdentityPoolId };
  };
}

/** Checks the latest bulk publish. A failed bulk publish may be repeated immediately. */
function checkLast(identityPoolId: string, last: BulkPublishJob | null, now: number): void {
  if (last?.status === 'IN_PROGRESS') throw inProgress(identityPoolId);
  if (last?.status === 'SUCCEEDED' && now - (last.completedAt ?? 0) < MIN_INTERVAL_MS) {
    throw new ServiceError(
      'AlreadyStreamedException',
      `A bulk publish of IdentityPool '${identityPoolId}' succeeded less than 24 hours ago`,
    );
  }
}

function inProgress(identityPoolId: string): ServiceError {
  return new ServiceError(
    'DuplicateRequestException',
    `A bulk publish of IdentityPool '${identityPoolId}' is in progress`,
  );
}
