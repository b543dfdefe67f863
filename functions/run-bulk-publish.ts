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

/** Whatever the schedule sends: nothing of it is read. */
export type RunBulkPublishHandler = (event: unknown, context: Context) => Promise<BulkPublishOutcome>;

export interface RunBulkPublishFunctionDeps {
  bulkPublishes: BulkPublishJobStore;
  offloading: Offloading;
  logger: Logger;
  options?: Partial<BulkPublishJobOptions>;
}

/** Longer than a step takes. */
const STEP_MS = 10_000;

/**
 * Bulk publishes in progress in, their datasets' events in the outbox out, as far as the relay keeps up and the
 * function's time allows; says where one is over.
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
      if (outcome.failed > 0) logger.error('a bulk publish failed', { ...outcome });
      else if (outcome.succeeded > 0) logger.info('a bulk publish succeeded', { ...outcome });
      return outcome;
    });
}
