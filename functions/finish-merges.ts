import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger } from '../lib/aws/telemetry.ts';
import type { Environment } from '../lib/common/environment.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { CREDENTIALS_LIFETIME_MS } from '../lib/identity/temporary-credentials.ts';
import { createJobOffloading } from '../lib/sync/job-offloading.ts';
import {
  type FinishMergesDeps,
  type FinishMergesOutcome,
  finishMerges,
} from '../lib/sync/jobs/finish-merges.ts';
import type { Merge } from '../lib/sync/ports/merge-store.ts';
import { createMergeStore } from '../lib/sync/store/merge-store.ts';
import { createDataJobs } from '../lib/wire/service/create-data-jobs.ts';

/** Ignores the event that the schedule sends. */
export type FinishMergesHandler = (event: unknown, context: Context) => Promise<FinishMergesAnswer>;

interface FinishMergesAnswer extends Pick<FinishMergesOutcome, 'pending' | 'ended'> {
  /** Whether the time budget ran out before all merges were tried. */
  isCutShort: boolean;
}

export interface FinishMergesFunctionDeps extends Omit<FinishMergesDeps, 'now' | 'onFailure'> {
  logger: Logger;
  /** Returns the current time in epoch milliseconds. */
  now?: () => number;
  /**
   * No further merge starts once the run has taken this long. Default: the function's remaining time minus `MERGE_MS`.
   */
  timeBudgetMs?: number;
}

/**
 * Time reserved for the last merge: an upper bound for the duration of merging an identity that has the maximum number
 * of datasets.
 */
const MERGE_MS = 30_000;

/**
 * Merges the datasets of merged identities whose data is not merged yet. If a merge fails, the handler logs the merge's
 * ids and the error's name and code, but not the error's message. The other merges still run; after that, the
 * invocation fails. If the time runs out, the next run tries the remaining merges.
 *
 * @returns a handler that rejects if any merge failed, so monitoring reports the failure; the next run retries the
 *   failed merges
 */
export function createFinishMerges({
  logger,
  now = Date.now,
  timeBudgetMs,
  ...deps
}: FinishMergesFunctionDeps): FinishMergesHandler {
  let after: Merge | null = null;

  function onFailure({ from, into }: Merge, error: unknown): void {
    // Log no error message: it may contain user data.
    const reason = error instanceof Error ? error.name : typeof error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    logger.error('merge failed; the next run retries it', { ...from, intoIdentityId: into, reason, code });
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
      if (ended > 0) logger.info('completed merges', { pending, ended });
      if (failed > 0) throw new Error(`${failed} of ${pending} merges failed; the next run retries them`);
      return { pending, ended, isCutShort: last !== null };
    });
}

let deployed: FinishMergesHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: FinishMergesHandler = (event, context) => {
  deployed ??= compose(process.env);
  return deployed(event, context);
};

function compose(env: Environment): FinishMergesHandler {
  const database = openFromEnvironment(env, createSecretReader, { maxConnections: 2 });
  const { mergeDatasets } = createDataJobs({
    database,
    offloading: createJobOffloading({ key: randomBytes(32), now: Date.now, randomId: randomUUID }),
    // The scheduled relay publishes the events.
    afterWrite: () => undefined,
  });
  return createFinishMerges({
    merges: createMergeStore(database),
    mergeDatasets,
    credentialsLifetimeMs: CREDENTIALS_LIFETIME_MS,
    logger: createLogger('finish-merges'),
  });
}
