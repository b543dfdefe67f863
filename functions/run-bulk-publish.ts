import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { Offloading } from '../lib/sync/build-stream-event.ts';
import type { BulkPublishStore } from '../lib/sync/bulk-publish-port.ts';
import {
  type BulkPublishOutcome,
  type BulkPublishPace,
  runBulkPublishes,
} from '../lib/sync/run-bulk-publish.ts';

/** Whatever the schedule sends: nothing of it is read. */
export type RunBulkPublishHandler = (event: unknown, context: Context) => Promise<BulkPublishOutcome>;

export interface RunBulkPublishFunctionDeps {
  bulkPublishes: BulkPublishStore;
  offloading: Offloading;
  logger: Logger;
  pace?: Partial<BulkPublishPace>;
}

/** Longer than a step takes. */
const STEP_MS = 10_000;

/**
 * Bulk publishes in progress in, their datasets' events in the outbox out, as far as the relay keeps up and the
 * function's time allows; says where one is over.
 */
export function createRunBulkPublish({
  logger,
  pace,
  ...deps
}: RunBulkPublishFunctionDeps): RunBulkPublishHandler {
  return middy<unknown, BulkPublishOutcome>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const timeBudgetMs = context.getRemainingTimeInMillis() - STEP_MS;
      const outcome = await runBulkPublishes({ ...deps, now: Date.now, pace: { timeBudgetMs, ...pace } });
      if (outcome.failed > 0) logger.error('a bulk publish failed', { ...outcome });
      else if (outcome.succeeded > 0) logger.info('a bulk publish succeeded', { ...outcome });
      return outcome;
    });
}
