import type { Logger } from '@aws-lambda-powertools/logger';
import { createLogger } from '../../aws/telemetry.ts';
import { createSteadyClock } from '../../common/steady-clock.ts';
import { logByCause } from '../log-by-cause.ts';

/**
 * Creates a logger for work that clients or the event source mapping retry. A lasting failure would be logged at each
 * retry, so the logger writes at most one line per minute for each cause of failure. Failures in between are logged at
 * the level DEBUG.
 */
export function createFailureLogger(name: string): Logger {
  const logger = createLogger(name);
  const error = logger.error.bind(logger);
  const debug = logger.debug.bind(logger);
  return Object.assign(logger, logByCause({ error, debug }, createSteadyClock()));
}
