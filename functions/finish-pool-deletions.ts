import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger } from '../lib/aws/telemetry.ts';
import type { Environment } from '../lib/common/environment.ts';
import { DatabaseError } from '../lib/database/database.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { createJobOffloading } from '../lib/sync/job-offloading.ts';
import {
  type FinishPoolDeletionsDeps,
  type FinishPoolDeletionsOutcome,
  finishPoolDeletions,
} from '../lib/sync/jobs/finish-pool-deletions.ts';
import { createPoolDataStore } from '../lib/sync/store/pool-data-store.ts';
import { createDataJobs } from '../lib/wire/service/create-data-jobs.ts';

/** Ignores the event that the schedule sends. */
export type FinishPoolDeletionsHandler = (
  event: unknown,
  context: Context,
) => Promise<FinishPoolDeletionsAnswer>;

interface FinishPoolDeletionsAnswer extends Pick<FinishPoolDeletionsOutcome, 'deleted' | 'ended'> {
  /** Whether the time budget ran out before all pools were tried. */
  isCutShort: boolean;
}

export interface FinishPoolDeletionsFunctionDeps extends Omit<FinishPoolDeletionsDeps, 'now' | 'onFailure'> {
  logger: Logger;
  /** Returns the current time in epoch milliseconds. */
  now?: () => number;
  /**
   * No further deletion starts once the run has taken this long. Default: the function's remaining time minus
   * `DELETION_MS`.
   */
  timeBudgetMs?: number;
}

/** Time reserved for deleting one pool's remaining data. If it is not enough, the next run deletes the rest. */
const DELETION_MS = 30_000;

/**
 * Deletes the remaining data of deleted pools. If the deletion of a pool fails, the handler logs the pool's id and the
 * error's name and code. It does not log the error's message. The other pools are still processed; after that, the
 * invocation fails. If the time runs out, the next run deletes the remaining data.
 *
 * @returns a handler that rejects if any pool failed, so monitoring reports the failure; the next run retries the
 *   failed pools
 */
export function createFinishPoolDeletions({
  logger,
  now = Date.now,
  timeBudgetMs,
  ...deps
}: FinishPoolDeletionsFunctionDeps): FinishPoolDeletionsHandler {
  let after = '';

  function onFailure(identityPoolId: string, error: unknown): void {
    // Log no error message: it may contain user data.
    const reason = error instanceof Error ? error.name : typeof error;
    const code = error instanceof DatabaseError ? error.code : undefined;
    logger.error('could not delete the remaining data of a pool; the next run retries it', {
      identityPoolId,
      reason,
      code,
    });
  }

  return middy<unknown, FinishPoolDeletionsAnswer>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const budget = timeBudgetMs ?? context.getRemainingTimeInMillis() - DELETION_MS;
      const { last, deleted, ended, failed } = await finishPoolDeletions(
        { ...deps, now, onFailure },
        { after, timeBudgetMs: budget },
      );
      after = last;
      if (ended > 0) logger.info('deleted all remaining data of deleted pools', { deleted, ended });
      if (failed > 0) {
        throw new Error(`${failed} of ${deleted} pool deletions failed; the next run retries them`);
      }
      return { deleted, ended, isCutShort: last !== '' };
    });
}

let deployed: FinishPoolDeletionsHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: FinishPoolDeletionsHandler = (event, context) => {
  deployed ??= compose(process.env);
  return deployed(event, context);
};

function compose(env: Environment): FinishPoolDeletionsHandler {
  const database = openFromEnvironment(env, createSecretReader, { maxConnections: 2 });
  const { deletePoolData } = createDataJobs({
    database,
    offloading: createJobOffloading({ key: randomBytes(32), now: Date.now, randomId: randomUUID }),
    // The scheduled relay publishes the events.
    afterWrite: () => undefined,
  });
  return createFinishPoolDeletions({
    poolData: createPoolDataStore(database),
    deletePoolData,
    logger: createLogger('finish-pool-deletions'),
  });
}
