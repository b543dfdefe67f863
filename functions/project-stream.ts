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
import { readDatabaseUrl } from '../lib/config.ts';
import type { Delivery, ReadableDelivery, RefusedDelivery } from '../lib/projection/delivery.ts';
import { projectBatch } from '../lib/projection/project-batch.ts';
import type { ProjectionStore } from '../lib/projection/projection-store.ts';
import { readDelivery } from '../lib/projection/read-delivery.ts';
import { openPg } from '../lib/store/pg-database.ts';
import { createQueryStore } from '../lib/store/query-store.ts';
import { createLogger } from '../lib/telemetry.ts';

export type ProjectStreamHandler = (
  event: KinesisStreamEvent,
  context: Context,
) => Promise<KinesisStreamBatchResponse>;

/**
 * Kinesis batch in, rows of the query store out. Records are read one by one, so that each failure is its own;
 * then all that could be read is written at once. What can pass is never skipped: the answer then names the record
 * from which Lambda is to try again.
 */
export function createProjectStream({
  store,
  logger,
}: {
  store: ProjectionStore;
  logger: Logger;
}): ProjectStreamHandler {
  return middy<KinesisStreamEvent, KinesisStreamBatchResponse>()
    .use(injectLambdaContext(logger))
    .handler(async ({ Records: records }) => {
      const read = new Map<string, ReadableDelivery | RefusedDelivery>();
      const processor = new BatchProcessor(EventType.KinesisDataStreams);
      const readRecord = (record: KinesisStreamRecord) => {
        read.set(record.kinesis.sequenceNumber, readDelivery(toDelivery(record)));
      };
      processor.register(records, readRecord, { throwOnFullBatchFailure: false });
      await processor.process();
      try {
        logger.info('projected', { ...(await projectBatch(store, untilFirstFailure(records, read))) });
      } catch (error) {
        // The write is sorted by key, so nothing is known about which records are in: all of them go again.
        logger.error('not projected, to be tried again', { error });
        return {
          batchItemFailures: records
            .slice(0, 1)
            .map(({ kinesis }) => ({ itemIdentifier: kinesis.sequenceNumber })),
        };
      }
      return processor.response();
    });
}

/** Lambda takes everything before the first failure for done, and everything from there on for not done. */
function untilFirstFailure<Read>(
  records: readonly KinesisStreamRecord[],
  read: ReadonlyMap<string, Read>,
): Read[] {
  const inOrder = records.map(({ kinesis }) => read.get(kinesis.sequenceNumber));
  const failedAt = inOrder.indexOf(undefined);
  return inOrder
    .slice(0, failedAt < 0 ? inOrder.length : failedAt)
    .filter((delivery) => delivery !== undefined);
}

function toDelivery({ eventID, eventSourceARN, kinesis }: KinesisStreamRecord): Delivery {
  return {
    position: {
      streamName: eventSourceARN.slice(eventSourceARN.lastIndexOf('/') + 1),
      shardId: eventID.slice(0, eventID.lastIndexOf(':')),
      sequenceNumber: kinesis.sequenceNumber,
      arrivedAt: Math.round(kinesis.approximateArrivalTimestamp * 1000),
    },
    data: Buffer.from(kinesis.data, 'base64'),
  };
}

let deployed: ProjectStreamHandler | undefined;

/** The function as AWS runs it: composed from the environment at its first event. */
export const handler: ProjectStreamHandler = (event, context) => {
  deployed ??= createProjectStream({
    store: createQueryStore(openPg({ connectionString: readDatabaseUrl(process.env), maxConnections: 1 })),
    logger: createLogger('project-stream'),
  });
  return deployed(event, context);
};
