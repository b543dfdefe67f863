import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { Database } from '../../../lib/database/database.ts';
import { createMaintenance } from '../../../lib/database/drivers/pglite/create-maintenance.ts';
import { type Schedule, startSchedule } from './schedule.ts';

const FUNCTION_NAME = 'maintain-database';

/**
 * Time between two runs of the maintenance. At a thousand updates per second, the outbox grows by about eight megabytes
 * in this time.
 */
const INTERVAL_MS = 2_000;

/** Starts the maintenance of the embedded database. A PostgreSQL server needs none, because it maintains itself. */
export function startMaintenance(database: Database): Schedule {
  return startSchedule({
    functionName: FUNCTION_NAME,
    intervalMs: INTERVAL_MS,
    run: createMaintenance(database, Date.now),
    logger: createLogger(FUNCTION_NAME),
  });
}
