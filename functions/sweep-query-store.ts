import { randomUUID } from 'node:crypto';
import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger } from '../lib/aws/telemetry.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import type { QuerySweep } from '../lib/projection/ports/query-sweep.ts';
import { createQuerySweep } from '../lib/projection/store/query-sweep.ts';
import { type QuerySweepOutcome, sweepQueryStore } from '../lib/projection/sweep-query-store.ts';

/** Ignores the event that the schedule sends. */
export type SweepQueryStoreHandler = (event: unknown, context: Context) => Promise<SweepQueryStoreAnswer>;

type SweepQueryStoreAnswer = Omit<QuerySweepOutcome, 'last'>;

export interface SweepQueryStoreFunctionDeps {
  sweep: QuerySweep;
  logger: Logger;
  /** Returns a random UUID. */
  randomId: () => string;
  /** Returns the current time in epoch milliseconds. */
  now?: () => number;
  /**
   * No further step starts once the run has taken this long. Default: the function's remaining time minus `STEP_MS`.
   */
  timeBudgetMs?: number;
}

/** Time reserved for the last step: an upper bound for the duration of one step. */
const STEP_MS = 10_000;

/**
 * Deletes expired data of the query store: quarantined deliveries, tombstones, and values of removed datasets. Also
 * deletes old rows about removals, redrives, gaps and bulk publishes. Each run continues where the previous run ended.
 *
 * @returns a handler that rejects if a step failed; the next run repeats that step
 */
export function createSweepQueryStore({
  sweep,
  logger,
  randomId,
  now = Date.now,
  timeBudgetMs,
}: SweepQueryStoreFunctionDeps): SweepQueryStoreHandler {
  // Start at a random dataset. Otherwise function instances that live for only one run would always sweep the same
  // datasets.
  let after = randomId();

  return middy<unknown, SweepQueryStoreAnswer>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const budget = timeBudgetMs ?? context.getRemainingTimeInMillis() - STEP_MS;
      const { last, isCutShort, ...removed } = await sweepQueryStore(
        { sweep, now },
        { after, timeBudgetMs: budget },
      );
      after = last;
      if (Object.values(removed).some((rows) => rows > 0)) logger.info('swept the query store', removed);
      return { ...removed, isCutShort };
    });
}

let deployed: SweepQueryStoreHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: SweepQueryStoreHandler = (event, context) => {
  deployed ??= createSweepQueryStore({
    sweep: createQuerySweep(openFromEnvironment(process.env, createSecretReader, { maxConnections: 1 })),
    logger: createLogger('sweep-query-store'),
    randomId: randomUUID,
  });
  return deployed(event, context);
};
