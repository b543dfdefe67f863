import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger } from '../lib/aws/telemetry.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import {
  type DatasetSweep,
  type DatasetSweepOutcome,
  SLOTS,
  sweepDatasets,
} from '../lib/sync/jobs/sweep-datasets.ts';
import { createDatasetSweep } from '../lib/sync/store/dataset-sweep.ts';

/** Ignores the event that the schedule sends. */
type SweepDatasetsHandler = (event: unknown, context: Context) => Promise<DatasetSweepOutcome>;

interface SweepDatasetsFunctionDeps {
  sweep: DatasetSweep;
  logger: Logger;
  /** Returns a number from 0 up to, but not including, 1. */
  random: () => number;
  /** Epoch milliseconds. */
  now?: () => number;
  /**
   * No further step starts once the run has taken this long. Default: the function's remaining time minus `STEP_MS`.
   */
  timeBudgetMs?: number;
}

/** Upper bound for the duration of one step. This time is reserved for the last step. */
const STEP_MS = 10_000;

/**
 * Creates the function that removes expired session tokens and leases of outbox rows, and corrects the stored usage of
 * pools. Each run continues where the previous run ended.
 */
export function createSweepDatasets({
  sweep,
  logger,
  random,
  now = Date.now,
  timeBudgetMs,
}: SweepDatasetsFunctionDeps): SweepDatasetsHandler {
  // Start at a random slot, a group of datasets. Otherwise function instances that live for only one run would always
  // sweep the same slots.
  let first = Math.floor(random() * SLOTS);

  return middy<unknown, DatasetSweepOutcome>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const budget = timeBudgetMs ?? context.getRemainingTimeInMillis() - STEP_MS;
      const outcome = await sweepDatasets({ sweep, now }, { first, timeBudgetMs: budget });
      first = outcome.next;
      const { tokens, leases, sums } = outcome;
      if (tokens + leases > 0) logger.info('removed expired tokens and leases', { tokens, leases });
      if (sums > 0) logger.warn('corrected the stored storage usage of identity pools', { sums });
      return outcome;
    });
}

let deployed: SweepDatasetsHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: SweepDatasetsHandler = (event, context) => {
  deployed ??= createSweepDatasets({
    sweep: createDatasetSweep(openFromEnvironment(process.env, createSecretReader, { maxConnections: 1 })),
    logger: createLogger('sweep-datasets'),
    random: Math.random,
  });
  return deployed(event, context);
};
