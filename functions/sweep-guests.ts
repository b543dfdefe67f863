import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger } from '../lib/aws/telemetry.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import type { GuestSweep } from '../lib/identity/ports/guest-sweep.ts';
import { createGuestSweep } from '../lib/identity/store/guest-sweep.ts';
import { sweepGuests } from '../lib/identity/sweep-guests.ts';

/** Ignores the event that the schedule sends. */
type SweepGuestsHandler = (event: unknown, context: Context) => Promise<{ swept: number }>;

interface SweepGuestsFunctionDeps {
  guests: GuestSweep;
  logger: Logger;
  /** Epoch milliseconds. */
  now?: () => number;
  /** Once this much time has passed, no further step starts. Default: the function's remaining time minus `STEP_MS`. */
  timeBudgetMs?: number;
}

/** Time reserved for the last step, so that it ends before Lambda's timeout. */
const STEP_MS = 10_000;

/**
 * Creates the function that removes guests (identities without logins) that never stored anything. Each invocation
 * continues where the previous invocation ended.
 */
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

let deployed: SweepGuestsHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: SweepGuestsHandler = (event, context) => {
  deployed ??= createSweepGuests({
    guests: createGuestSweep(openFromEnvironment(process.env, createSecretReader, { maxConnections: 1 })),
    logger: createLogger('sweep-guests'),
  });
  return deployed(event, context);
};
