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
import { openPayloadBucket } from '../lib/aws/payload-bucket.ts';
import { createPayloadFetch } from '../lib/aws/payload-fetch.ts';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger, createReporter } from '../lib/aws/telemetry.ts';
import type { Environment } from '../lib/common/environment.ts';
import {
  readParallelizationFactor,
  readPayloadBucket,
  readPayloadPolicy,
} from '../lib/common/function-settings.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { type ReadableDelivery, type RefusedDelivery, toDelivery } from '../lib/projection/delivery.ts';
import { BATCH_FETCH_LIMITS, limitFetches } from '../lib/projection/limit-fetches.ts';
import type { QueryStore } from '../lib/projection/ports/query-store.ts';
import { type BatchOutcome, type BatchReport, projectBatch } from '../lib/projection/project-batch.ts';
import { readDelivery } from '../lib/projection/read-delivery.ts';
import { createQueryStore } from '../lib/projection/store/query-store.ts';
import type { FetchPayload } from '../lib/stream/ports/fetch-payload.ts';

export type ProjectStreamHandler = (
  event: KinesisStreamEvent,
  context: Context,
) => Promise<KinesisStreamBatchResponse>;

interface ProjectStreamDeps {
  store: QueryStore;
  fetchPayload: FetchPayload;
  /** `ParallelizationFactor` of the event source mapping. If it is above 1, batches of one shard run concurrently. */
  parallelizationFactor: number;
  /**
   * Receives the counts of each batch, and the records of the batch. The counts include only the first `batch.events`
   * records, which were projected or quarantined. Lambda retries the other records.
   */
  report: (batch: BatchReport, records: readonly KinesisStreamRecord[]) => void;
  logger: Logger;
  /** Returns the current time in epoch milliseconds. */
  now?: () => number;
}

/**
 * Projects a Kinesis batch into rows of the query store. Reads records individually, so that each failure concerns one
 * record, then writes all readable records together. A transient failure skips no record: the response names the record
 * from which Lambda must retry.
 */
export function createProjectStream({
  store,
  fetchPayload,
  parallelizationFactor,
  report,
  logger,
  now = Date.now,
}: ProjectStreamDeps): ProjectStreamHandler {
  return middy<KinesisStreamEvent, KinesisStreamBatchResponse>()
    .use(injectLambdaContext(logger))
    .handler(async ({ Records: records }) => {
      const startedAt = now();
      const read = new Map<string, ReadableDelivery | RefusedDelivery>();
      const fetchForBatch = limitFetches(fetchPayload, { ...BATCH_FETCH_LIMITS, now });
      const processor = new BatchProcessor(EventType.KinesisDataStreams);
      const readRecord = async (record: KinesisStreamRecord) => {
        read.set(record.kinesis.sequenceNumber, await readDelivery(toDelivery(record), fetchForBatch));
      };
      processor.register(records, readRecord, { throwOnFullBatchFailure: false });
      await processor.process();
      const [failure] = processor.errors;
      if (failure) {
        logger.warn('could not read all records of the batch; Lambda retries from the first failure', {
          why: failure.message,
        });
      }
      const reportBatch = (outcome: BatchOutcome) => {
        const endedAt = now();
        const batchLagMs = lagMs(records, outcome.events, endedAt);
        report({ ...outcome, batchMs: endedAt - startedAt, lagMs: batchLagMs }, records);
      };
      try {
        const deliveries = untilFirstFailure(records, read);
        const outcome = await projectBatch(store, deliveries);
        const last = deliveries.at(-1);
        if (last) await store.saveProgress(last.position, { isKnown: parallelizationFactor === 1 });
        // A batch without failures writes no line but its metrics, because CloudWatch charges for each byte.
        if (outcome.quarantined > 0) {
          logger.warn('quarantined events; `quarantine list` shows the reasons', { ...outcome });
        }
        reportBatch(outcome);
      } catch (error) {
        // Rows are written in key order, so it is unknown which records were written. Lambda must retry all records of
        // the batch.
        logger.error('could not write the batch; Lambda retries it', { error });
        reportBatch({ events: 0, records: 0, recordsChanged: 0, quarantined: 0 });
        return {
          batchItemFailures: records
            .slice(0, 1)
            .map(({ kinesis }) => ({ itemIdentifier: kinesis.sequenceNumber })),
        };
      }
      return processor.response();
    });
}

/**
 * Returns what was read before the first record whose read failed. Lambda treats all records before the first reported
 * failure as done, and retries from the record of that failure on.
 */
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

/**
 * Returns the age of the first record that was not projected, in milliseconds, at the time `now`. If all records were
 * projected, returns the age of the last record.
 */
function lagMs(records: readonly KinesisStreamRecord[], done: number, now: number): number {
  const record = records[done] ?? records.at(-1);
  // Clocks differ and times are rounded, so the difference can be negative.
  return record ? Math.max(0, Math.round(now - record.kinesis.approximateArrivalTimestamp * 1000)) : 0;
}

let deployed: ProjectStreamHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: ProjectStreamHandler = (event, context) => {
  deployed ??= compose(process.env);
  return deployed(event, context);
};

function compose(env: Environment): ProjectStreamHandler {
  const bucket = readPayloadBucket(env);
  return createProjectStream({
    store: createQueryStore(openFromEnvironment(env, createSecretReader)),
    fetchPayload: createPayloadFetch({
      policy: readPayloadPolicy(env),
      bucket: bucket && openPayloadBucket({ ...bucket, now: Date.now }),
      now: Date.now,
    }),
    parallelizationFactor: readParallelizationFactor(env),
    report: createReporter('project-stream'),
    logger: createLogger('project-stream'),
  });
}
