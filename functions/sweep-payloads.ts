import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger } from '../lib/aws/telemetry.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { sweepPayloads } from '../lib/sync/jobs/sweep-payloads.ts';
import type { PayloadStore } from '../lib/sync/ports/payload-store.ts';
import { createPayloadStore } from '../lib/sync/store/payload-store.ts';

/** Ignores the event that the schedule sends. */
export type SweepPayloadsHandler = (event: unknown, context: Context) => Promise<{ swept: number }>;

/** Deletes the payloads of offloaded events once the events are published and their URLs have expired. */
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

let deployed: SweepPayloadsHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: SweepPayloadsHandler = (event, context) => {
  deployed ??= createSweepPayloads({
    payloads: createPayloadStore(openFromEnvironment(process.env, createSecretReader, { maxConnections: 1 })),
    logger: createLogger('sweep-payloads'),
  });
  return deployed(event, context);
};
