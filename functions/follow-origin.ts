import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BatchProcessor, EventType } from '@aws-lambda-powertools/batch';
import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type {
  Context,
  KinesisStreamBatchResponse,
  KinesisStreamEvent,
  KinesisStreamRecord,
} from 'aws-lambda';
import { openOrigin } from '../lib/aws/origin.ts';
import { createPayloadFetch } from '../lib/aws/payload-fetch.ts';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import type { Environment } from '../lib/common/environment.ts';
import { readPayloadPolicy } from '../lib/common/function-settings.ts';
import type { Database } from '../lib/database/database.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { type FollowDeps, followBatch } from '../lib/move/follow.ts';
import { hintChange } from '../lib/move/hint-changes.ts';
import { createOriginRates, limitRate } from '../lib/move/origin-rates.ts';
import { createBridgeStore } from '../lib/move/store/bridge-store.ts';
import { createMoveStore } from '../lib/move/store/move-store.ts';
import { type ReadableDelivery, type RefusedDelivery, toDelivery } from '../lib/projection/delivery.ts';
import type { DatasetChange } from '../lib/projection/fold-events.ts';
import { BATCH_FETCH_LIMITS, limitFetches } from '../lib/projection/limit-fetches.ts';
import { readDelivery } from '../lib/projection/read-delivery.ts';
import { createQueryStore } from '../lib/projection/store/query-store.ts';
import type { FetchPayload } from '../lib/stream/ports/fetch-payload.ts';
import type { Offloading } from '../lib/sync/build-stream-event.ts';
import { createJobOffloading } from '../lib/sync/job-offloading.ts';
import { createForOrigin } from '../lib/wire/service/create-for-origin.ts';
import { createFailureLogger } from '../lib/wire/service/failure-logger.ts';

export type FollowOriginHandler = (
  event: KinesisStreamEvent,
  context: Context,
) => Promise<KinesisStreamBatchResponse>;

interface FollowOriginDeps extends Pick<FollowDeps, 'origin'> {
  database: Database;
  offloading: Offloading;
  fetchPayload: FetchPayload;
  logger: Logger;
  /** Called after a batch that changed something, so that the relay publishes the events. */
  onWritten: () => void;
  /** Returns the current time in epoch milliseconds. */
  now?: () => number;
}

/**
 * Applies a Kinesis batch of the origin's stream to the sync store. Like `project-stream`, it skips no record after a
 * transient failure: the response names the record from which Lambda must retry.
 */
export function createFollowOrigin({
  database,
  offloading,
  origin,
  fetchPayload,
  logger,
  onWritten,
  now = Date.now,
}: FollowOriginDeps): FollowOriginHandler {
  const bridge = createBridgeStore(database, { offloading });
  const deps = {
    origin,
    store: createMoveStore(database, { offloading, now }),
    keepRemovalVersion: createQueryStore(database).keepRemovalVersion,
    onKept: (change: DatasetChange) => hintChange(bridge, change),
    now,
  };
  const onRefused: FollowDeps['onRefused'] = ({ shardId, sequenceNumber }, reason) =>
    logger.error('cannot apply an event of the origin; run `move copy` again', {
      shardId,
      sequenceNumber,
      reason,
    });
  return middy<KinesisStreamEvent, KinesisStreamBatchResponse>()
    .use(injectLambdaContext(logger))
    .handler(async ({ Records: records }) => {
      const read = new Map<string, ReadableDelivery | RefusedDelivery>();
      const fetchForBatch = limitFetches(fetchPayload, { ...BATCH_FETCH_LIMITS, now });
      const processor = new BatchProcessor(EventType.KinesisDataStreams);
      const readRecord = async (record: KinesisStreamRecord) => {
        read.set(record.kinesis.sequenceNumber, await readDelivery(toDelivery(record), fetchForBatch));
      };
      processor.register(records, readRecord, { throwOnFullBatchFailure: false });
      await processor.process();
      const inOrder = records.map(({ kinesis }) => read.get(kinesis.sequenceNumber));
      const failedAt = inOrder.indexOf(undefined);
      const deliveries = inOrder
        .slice(0, failedAt < 0 ? inOrder.length : failedAt)
        .filter((delivery) => delivery !== undefined);
      try {
        const outcome = await followBatch({ ...deps, onRefused }, deliveries);
        if (outcome.records > 0) onWritten();
        logger.info('applied a batch of the origin', { ...outcome });
      } catch (error) {
        logger.error('could not apply a batch of the origin; Lambda retries it', { error });
        return {
          batchItemFailures: records
            .slice(0, 1)
            .map(({ kinesis }) => ({ itemIdentifier: kinesis.sequenceNumber })),
        };
      }
      return processor.response();
    });
}

let deployed: FollowOriginHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: FollowOriginHandler = (event, context) => {
  deployed ??= compose(process.env);
  return deployed(event, context);
};

function compose(env: Environment): FollowOriginHandler {
  const database = openFromEnvironment(env, createSecretReader, { maxConnections: 2 });
  const offloading = createJobOffloading({ key: randomBytes(32), now: Date.now, randomId: randomUUID });
  const fetchPayload = createPayloadFetch({ policy: readPayloadPolicy(env), now: Date.now });
  const originRates = createOriginRates({ now: Date.now, sleep });
  const logger = createFailureLogger('follow-origin');
  // The scheduled relay publishes the events.
  const onWritten = () => undefined;
  return createForOrigin({
    env,
    createSecretReader,
    logger,
    create(settings) {
      const origin = limitRate(openOrigin(settings), originRates(settings), { sleep });
      return {
        handle: createFollowOrigin({ database, offloading, origin, fetchPayload, logger, onWritten }),
        close: () => origin.close(),
      };
    },
  });
}
