import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createSweepQueryStore } from '../../../functions/sweep-query-store.ts';
import type { Database } from '../../../lib/database/database.ts';
import { createQuerySweep } from '../../../lib/projection/store/query-sweep.ts';
import type { Schedule } from './schedule.ts';
import { startScheduledFunction } from './scheduled-function.ts';
import { sweepFailureObjects } from './sweep-failure-objects.ts';

const INTERVAL_MS = 60 * 60 * 1000;
/**
 * Time limit of a run. The local cloud cannot stop during a run, so runs must be short. The time is enough for about
 * ten thousand datasets.
 */
const BUDGET_MS = 500;

export interface QueryStoreSweepDeps {
  database: Database;
  region: string;
  /** Directory with the checkpoints and the discarded records of the event source mappings. */
  directory: string;
}

/**
 * Starts the schedule that removes expired data from the query store. It also deletes old failure objects. In AWS, a
 * lifecycle rule of the bucket deletes them.
 */
export function startQueryStoreSweep({ database, region, directory }: QueryStoreSweepDeps): Schedule {
  return startScheduledFunction({
    functionName: 'sweep-query-store',
    region,
    intervalMs: INTERVAL_MS,
    create: (logger) =>
      createSweepQueryStore({
        sweep: createQuerySweep(database),
        logger,
        randomId: randomUUID,
        timeBudgetMs: BUDGET_MS,
      }),
    onOutcome: () => sweepFailureObjects(join(directory, 'failures'), Date.now()),
  });
}
