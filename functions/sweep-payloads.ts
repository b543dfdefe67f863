import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { sweepPayloads } from '../lib/sync/jobs/sweep-payloads.ts';
import type { PayloadStore } from '../lib/sync/ports/payload-store.ts';

/** Ignores the event that the schedule sends. */
export type SweepPayloadsHandler = (event: unknown, context: Context) => Promise<{ swept: number }>;

/** Deletes the payloads of offloaded events once their URLs have expired. */
export function createSweepPayloads({
  payloads,
  logger,
}: {
  payloads: PayloadStore;
  logger: Logger;
}): SweepPayloadsHandler {
  return middy<unknown, { swept: number }>()
    .use(injectLambdaContext(logger))
    .handler(async () => {
      const swept = await sweepPayloads(payloads, Date.now);
      if (swept > 0) logger.info('deleted expired payloads', { swept });
      return { swept };
    });
}
