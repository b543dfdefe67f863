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
import { type FollowDeps, followBatch } from '../lib/move/follow.ts';
import { type ReadableDelivery, type RefusedDelivery, toDelivery } from '../lib/projection/delivery.ts';
import { readDelivery } from '../lib/projection/read-delivery.ts';
import type { FetchPayload } from '../lib/stream/ports/fetch-payload.ts';

export type FollowOriginHandler = (
  event: KinesisStreamEvent,
  context: Context,
) => Promise<KinesisStreamBatchResponse>;

interface FollowOriginDeps extends Omit<FollowDeps, 'onRefused' | 'now'> {
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
  fetchPayload,
  logger,
  onWritten,
  now = Date.now,
  ...deps
}: FollowOriginDeps): FollowOriginHandler {
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
      const processor = new BatchProcessor(EventType.KinesisDataStreams);
      const readRecord = async (record: KinesisStreamRecord) => {
        read.set(record.kinesis.sequenceNumber, await readDelivery(toDelivery(record), fetchPayload));
      };
      processor.register(records, readRecord, { throwOnFullBatchFailure: false });
      await processor.process();
      const inOrder = records.map(({ kinesis }) => read.get(kinesis.sequenceNumber));
      const failedAt = inOrder.indexOf(undefined);
      const deliveries = inOrder
        .slice(0, failedAt < 0 ? inOrder.length : failedAt)
        .filter((delivery) => delivery !== undefined);
      try {
        const outcome = await followBatch({ ...deps, onRefused, now }, deliveries);
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
