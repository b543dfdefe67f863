import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { DatabaseError } from '../lib/database/database.ts';
import {
  type FinishPoolDeletionsDeps,
  type FinishPoolDeletionsOutcome,
  finishPoolDeletions,
} from '../lib/sync/jobs/finish-pool-deletions.ts';

/** Whatever the schedule sends: nothing of it is read. */
export type FinishPoolDeletionsHandler = (
  event: unknown,
  context: Context,
) => Promise<FinishPoolDeletionsAnswer>;

interface FinishPoolDeletionsAnswer extends Pick<FinishPoolDeletionsOutcome, 'deleted' | 'ended'> {
  /** Whether its time ended before all were looked at. */
  isCutShort: boolean;
}

export interface FinishPoolDeletionsFunctionDeps extends Omit<FinishPoolDeletionsDeps, 'now' | 'onFailure'> {
  logger: Logger;
  /** Epoch milliseconds. */
  now?: () => number;
  /** After this long no further pool is begun; as the function's time allows unless given. */
  timeBudgetMs?: number;
}

/** Longer than what is left of a pool takes, as a rule: what it does not reach is done in the next run. */
const DELETION_MS = 30_000;

/**
 * Deletes what is left of pools that are deleted. One that fails is logged, by its id alone, keeps no other from being
 * done, and has the run as a whole fail. A run goes on where the time of the one before it ended.
 *
 * @returns a handler that rejects where pools failed, for whoever watches; the next run tries them again
 */
export function createFinishPoolDeletions({
  logger,
  now = Date.now,
  timeBudgetMs,
  ...deps
}: FinishPoolDeletionsFunctionDeps): FinishPoolDeletionsHandler {
  let after = '';

  function onFailure(identityPoolId: string, error: unknown): void {
    // What an error says may hold more than ids.
    const reason = error instanceof Error ? error.name : typeof error;
    const code = error instanceof DatabaseError ? error.code : undefined;
    logger.error('what is left of a pool was not deleted, to be tried again', {
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
      if (ended > 0) logger.info('nothing is left of pools that were deleted', { deleted, ended });
      if (failed > 0) {
        throw new Error(`${failed} of ${deleted} deletions of pools failed, to be tried again`);
      }
      return { deleted, ended, isCutShort: last !== '' };
    });
}
