import type { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import { createLambdaContext } from '../lambda-context.ts';
import { type Schedule, startSchedule } from './schedule.ts';

interface ScheduledFunction<Outcome> {
  functionName: string;
  region: string;
  intervalMs: number;
  /** Creates the handler. The logger that it receives has the function's name. */
  create: (logger: Logger) => (event: unknown, context: Context) => Promise<Outcome>;
  /** Called after each successful invocation. If this call fails, the run counts as failed. */
  onOutcome?: (outcome: Outcome) => unknown;
}

/** Invokes a function on a schedule: the local counterpart of a `schedule` event in `serverless.yml`. */
export function startScheduledFunction<Outcome>({
  functionName,
  region,
  intervalMs,
  create,
  onOutcome = () => undefined,
}: ScheduledFunction<Outcome>): Schedule {
  const logger = createLogger(functionName);
  const handler = create(logger);
  const run = async () => onOutcome(await handler({}, createLambdaContext(functionName, region)));
  return startSchedule({ functionName, intervalMs, run, logger });
}
