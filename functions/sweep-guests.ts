import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { type GuestSweep, sweepGuests } from '../lib/identity/sweep-guests.ts';

/** Ignores the event that the schedule sends. */
type SweepGuestsHandler = (event: unknown, context: Context) => Promise<{ swept: number }>;

interface SweepGuestsFunctionDeps {
  guests: GuestSweep;
  logger: Logger;
  /** Epoch milliseconds. */
  now?: () => number;
  /** No further step starts after this time. Default: the function's remaining time minus `STEP_MS`. */
  timeBudgetMs?: number;
}

/** Upper bound for the last step. */
const STEP_MS = 10_000;

/** Removes guests that never stored anything. Each run continues where the previous one ended. */
export function createSweepGuests({
  guests,
  logger,
  now = Date.now,
  timeBudgetMs,
}: SweepGuestsFunctionDeps): SweepGuestsHandler {
  let after = '';

  return middy<unknown, { swept: number }>()
    .use(injectLambdaContext(logger))
    .handler(async (_event, context) => {
      const budget = timeBudgetMs ?? context.getRemainingTimeInMillis() - STEP_MS;
      const { swept, last } = await sweepGuests({ guests, now }, { after, timeBudgetMs: budget });
      after = last;
      if (swept > 0) logger.info('removed guests that never stored anything', { swept });
      return { swept };
    });
}
