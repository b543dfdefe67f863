import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger } from '../lib/aws/telemetry.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import type { Offloading } from '../lib/sync/build-stream-event.ts';
import { createJobOffloading } from '../lib/sync/job-offloading.ts';
import {
  type BulkPublishJobOptions,
  type BulkPublishOutcome,
  runBulkPublishes,
} from '../lib/sync/jobs/run-bulk-publish.ts';
import type { BulkPublishJobStore } from '../lib/sync/ports/bulk-publish-job-store.ts';
import { createBulkPublishJobStore } from '../lib/sync/store/bulk-publish-job-store.ts';

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
 *
 * @returns a handler that rejects if a bulk publish could not continue, so monitoring reports the failure. The other bulk
 *   publishes still run, and the next run continues all of them
 */
export function createRunBulkPublish({
  logger,
  options,
  ...deps
}: RunBulkPublishFunctionDeps): RunBulkPublishHandler {
  function onFailure(identityPoolId: string, error: unknown): void {
    // Log no error message: it may contain user data.
    const reason = error instanceof Error ? error.name : typeof error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    logger.error('bulk publish could not continue; the next run retries it', {
      identityPoolId,
      reason,
      code,
    });
  }

  return middy<unknown, BulkPublishOutcome>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const timeBudgetMs = context.getRemainingTimeInMillis() - STEP_MS;
      const outcome = await runBulkPublishes({
        ...deps,
        now: Date.now,
        onFailure,
        options: { timeBudgetMs, ...options },
      });
      if (outcome.failed > 0) logger.error('bulk publishes failed', { ...outcome });
      else if (outcome.succeeded > 0) logger.info('bulk publishes succeeded', { ...outcome });
      const { inProgress, interrupted } = outcome;
      if (interrupted > 0)
        throw new Error(
          `${interrupted} of ${inProgress} bulk publishes could not continue; the next run retries them`,
        );
      return outcome;
    });
}

let deployed: RunBulkPublishHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: RunBulkPublishHandler = (event, context) => {
  deployed ??= createRunBulkPublish({
    bulkPublishes: createBulkPublishJobStore(
      openFromEnvironment(process.env, createSecretReader, { maxConnections: 2 }),
    ),
    offloading: createJobOffloading({ key: randomBytes(32), now: Date.now, randomId: randomUUID }),
    logger: createLogger('run-bulk-publish'),
  });
  return deployed(event, context);
};
