import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createSweepQueryStore } from '../../functions/sweep-query-store.ts';
import { createLogger } from '../../lib/aws/telemetry.ts';
import type { Database } from '../../lib/database/database.ts';
import { createQuerySweep } from '../../lib/projection/store/query-sweep.ts';
import { createLambdaContext } from './lambda-context.ts';
import { type Schedule, startSchedule } from './schedule.ts';
import { sweepFailureObjects } from './sweep-failure-objects.ts';

const FUNCTION_NAME = 'sweep-query-store';
const INTERVAL_MS = 60 * 60 * 1000;
/** A run under way keeps the process from stopping; in this time it looks at some ten thousand datasets. */
const BUDGET_MS = 500;

export interface QueryStoreSweepDeps {
  database: Database;
  region: string;
  /** Of event source mappings. */
  directory: string;
}

/** The sweep of the query store, and of the failure objects, whose bucket would remove them by itself. */
export function startQueryStoreSweep({ database, region, directory }: QueryStoreSweepDeps): Schedule {
  const logger = createLogger(FUNCTION_NAME);
  const sweep = createSweepQueryStore({
    sweep: createQuerySweep(database),
    logger,
    randomId: randomUUID,
    timeBudgetMs: BUDGET_MS,
  });
  const run = async () => {
    await sweep({}, createLambdaContext(FUNCTION_NAME, region));
    await sweepFailureObjects(join(directory, 'failures'), Date.now());
  };
  return startSchedule({ functionName: FUNCTION_NAME, intervalMs: INTERVAL_MS, run, logger });
}
