import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createLogger } from '../lib/telemetry.ts';
import type { SyncTriggerEvent } from '../lib/trigger/sync-trigger-event.ts';

export type SyncTriggerHandler = (event: SyncTriggerEvent, context: Context) => Promise<SyncTriggerEvent>;

/** An update of an identity in, the same out: nothing is changed. */
export function createSyncTrigger({ logger }: { logger: Logger }): SyncTriggerHandler {
  return middy<SyncTriggerEvent, SyncTriggerEvent>()
    .use(injectLambdaContext(logger))
    .handler(async (event) => event);
}

/** The function as AWS runs it. */
export const handler: SyncTriggerHandler = createSyncTrigger({ logger: createLogger('sync-trigger') });
