import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { Offloading } from '../lib/sync/build-stream-event.ts';
import {
  type BulkPublishJobOptions,
  type BulkPublishOutcome,
  runBulkPublishes,
} from '../lib/sync/jobs/run-bulk-publish.ts';
import type { BulkPublishJobStore } from '../lib/sync/ports/bulk-publish-job-store.ts';

/** Ignores the event that the schedule sends. */
export type RunBulkPublishHandler = (event: unknown, context: Context) => Promise<BulkPublishOutcome>;

export interface RunBulkPublishFunctionDeps {
  bulkPublishes: BulkPublishJobStore;
  offloading: Offloading;
  logger: Logger;
  options?: Partial<BulkPublishJobOptions>;
}

/** Time reserved for the last step: an upper bound for the duration of one step. */
const STEP_MS = 10_000;

/**
 * Continues the bulk publishes in progress until the function's time runs out. For each dataset of a bulk publish,
 * writes an event to the outbox, no faster than the relay publishes such events. Logs each bulk publish that ended.
 */
export function createRunBulkPublish({
  logger,
  options,
  ...deps
}: RunBulkPublishFunctionDeps): RunBulkPublishHandler {
  return middy<unknown, BulkPublishOutcome>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const timeBudgetMs = context.getRemainingTimeInMillis() - STEP_MS;
      const outcome = await runBulkPublishes({
        ...deps,
        now: Date.now,
        options: { timeBudgetMs, ...options },
      });
      if (outcome.failed > 0) logger.error('bulk publishes failed', { ...outcome });
      else if (outcome.succeeded > 0) logger.info('bulk publishes succeeded', { ...outcome });
      return outcome;
    });
}
