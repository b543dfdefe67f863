import { randomUUID } from 'node:crypto';
import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger } from '../lib/aws/telemetry.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import type { QuerySweep } from '../lib/projection/query-sweep.ts';
import { createQuerySweep } from '../lib/projection/store/query-sweep.ts';
import { type QuerySweepOutcome, sweepQueryStore } from '../lib/projection/sweep-query-store.ts';

/** Whatever the schedule sends: nothing of it is read. */
export type SweepQueryStoreHandler = (event: unknown, context: Context) => Promise<SweepQueryStoreAnswer>;

type SweepQueryStoreAnswer = Omit<QuerySweepOutcome, 'last'>;

export interface SweepQueryStoreFunctionDeps {
  sweep: QuerySweep;
  logger: Logger;
  /** UUIDs. */
  randomId: () => string;
  /** Epoch milliseconds. */
  now?: () => number;
  /** After this long no further step is begun; as the function's time allows unless given. */
  timeBudgetMs?: number;
}

/** Longer than the last step takes. */
const STEP_MS = 10_000;

/**
 * Removes what the query store has kept for long enough: quarantine, tombstones, values that removals cover, notes. A run
 * goes on where the one before it ended.
 *
 * @returns a handler that rejects where a step failed; the next run begins it again
 */
export function createSweepQueryStore({
  sweep,
  logger,
  randomId,
  now = Date.now,
  timeBudgetMs,
}: SweepQueryStoreFunctionDeps): SweepQueryStoreHandler {
  // Anywhere: an instance that lives for one run alone must not always look at the same datasets.
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
      if (Object.values(removed).some((rows) => rows > 0)) logger.info('the query store was swept', removed);
      return { ...removed, isCutShort };
    });
}

let deployed: SweepQueryStoreHandler | undefined;

/** The function as AWS runs it: composed from the environment at its first event. */
export const handler: SweepQueryStoreHandler = (event, context) => {
  deployed ??= createSweepQueryStore({
    sweep: createQuerySweep(openFromEnvironment(process.env, createSecretReader, { maxConnections: 1 })),
    logger: createLogger('sweep-query-store'),
    randomId: randomUUID,
  });
  return deployed(event, context);
};
