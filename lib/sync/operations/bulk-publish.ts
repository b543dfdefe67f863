import { authorizeDeveloper } from '../../common/caller.ts';
import { ServiceError } from '../../common/errors.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';
import type { BulkPublishJob, BulkPublishJobStore } from '../ports/bulk-publish-job-store.ts';

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
    const at = now();
    checkLast(IdentityPoolId, last, at);
    if (!(await beginAfter(bulkPublishes, IdentityPoolId, last, at))) throw inProgress(IdentityPoolId);
    afterBulkPublish();
    return { IdentityPoolId };
  };
}

/**
 * Starts a job that replaces the pool's latest job, `last`. The new job's start time is always later than that of
 * `last`, even if the clock was set back, because callers of GetBulkPublishDetails tell jobs apart by their start
 * times.
 *
 * @param at epoch milliseconds
 * @returns false if another job was started in the meantime; then the new job is not started
 */
export function beginAfter(
  bulkPublishes: Pick<BulkPublishJobStore, 'begin'>,
  identityPoolId: string,
  last: BulkPublishJob | null,
  at: number,
): Promise<boolean> {
  const startedAt = Math.max(at, (last?.startedAt ?? 0) + 1);
  return bulkPublishes.begin(identityPoolId, startedAt, last?.bulkPublishId ?? null);
}

/**
 * Rejects a new bulk publish while the latest bulk publish is in progress, and for 24 hours after it succeeded. After a
 * failed bulk publish, a new one may start immediately.
 */
function checkLast(identityPoolId: string, last: BulkPublishJob | null, now: number): void {
  if (last?.status === 'IN_PROGRESS') throw inProgress(identityPoolId);
  // If `completedAt` is in the future, the clock was set back. It is then unknown how long ago the bulk publish
  // completed, so a new one may start.
  const sinceMs = now - (last?.completedAt ?? 0);
  if (last?.status === 'SUCCEEDED' && sinceMs >= 0 && sinceMs < MIN_INTERVAL_MS) {
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
