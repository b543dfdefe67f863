import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import {
  type FinishMergesDeps,
  type FinishMergesOutcome,
  finishMerges,
} from '../lib/sync/jobs/finish-merges.ts';
import type { Merge } from '../lib/sync/ports/merge-store.ts';

/** Whatever the schedule sends: nothing of it is read. */
export type FinishMergesHandler = (event: unknown, context: Context) => Promise<FinishMergesAnswer>;

interface FinishMergesAnswer extends Pick<FinishMergesOutcome, 'pending' | 'ended'> {
  /** Whether its time ended before all were looked at. */
  isCutShort: boolean;
}

export interface FinishMergesFunctionDeps extends Omit<FinishMergesDeps, 'now' | 'onFailure'> {
  logger: Logger;
  /** Epoch milliseconds. */
  now?: () => number;
  /** After this long no further merge is begun; as the function's time allows unless given. */
  timeBudgetMs?: number;
}

/** Longer than the merge of an identity with as many datasets as it may have takes. */
const MERGE_MS = 30_000;

/**
 * Merges the datasets of identities whose merges are not over. One that fails is logged, by its ids alone, keeps no other
 * from being done, and has the run as a whole fail. A run goes on where the time of the one before it ended.
 *
 * @returns a handler that rejects where merges failed, for whoever watches; the next run tries them again
 */
export function createFinishMerges({
  logger,
  now = Date.now,
  timeBudgetMs,
  ...deps
}: FinishMergesFunctionDeps): FinishMergesHandler {
  let after: Merge | null = null;

  function onFailure({ from, into }: Merge, error: unknown): void {
    // What an error says may hold more than ids.
    const reason = error instanceof Error ? error.name : typeof error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    logger.error('a merge failed, to be tried again', { ...from, intoIdentityId: into, reason, code });
  }

  return middy<unknown, FinishMergesAnswer>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const budget = timeBudgetMs ?? context.getRemainingTimeInMillis() - MERGE_MS;
      const { last, pending, ended, failed } = await finishMerges(
        { ...deps, now, onFailure },
        { after, timeBudgetMs: budget },
      );
      after = last;
      if (ended > 0) logger.info('merges are over', { pending, ended });
      if (failed > 0) throw new Error(`${failed} of ${pending} merges failed, to be tried again`);
      return { pending, ended, isCutShort: last !== null };
    });
}
