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
import { createPayloadFetch } from '../lib/aws/payload-fetch.ts';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger, createReporter } from '../lib/aws/telemetry.ts';
import { readParallelizationFactor, readPayloadPolicy } from '../lib/common/function-settings.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { type ReadableDelivery, type RefusedDelivery, toDelivery } from '../lib/projection/delivery.ts';
import { limitFetches } from '../lib/projection/limit-fetches.ts';
import { type BatchOutcome, type BatchReport, projectBatch } from '../lib/projection/project-batch.ts';
import type { QueryStore } from '../lib/projection/query-store.ts';
import { readDelivery } from '../lib/projection/read-delivery.ts';
import { createQueryStore } from '../lib/projection/store/query-store.ts';
import type { FetchPayload } from '../lib/stream/payload.ts';

export type ProjectStreamHandler = (
  event: KinesisStreamEvent,
  context: Context,
) => Promise<KinesisStreamBatchResponse>;

interface ProjectStreamDeps {
  store: QueryStore;
  fetchPayload: FetchPayload;
  /** The mapping's. Above 1, batches of one shard are under way at the same time. */
  parallelizationFactor: number;
  /** Told of each batch, as far as it was projected. */
  report: (batch: BatchReport) => void;
  logger: Logger;
  /** Epoch milliseconds. */
  now?: () => number;
}

/** For a function of 1 GB that has a minute: a last fetch, with its attempts, and the write come after that. */
const FETCH_LIMITS = { atOnce: 4, maxBytes: 64 * 1024 * 1024, maxMs: 20_000 };

/**
 * Kinesis batch in, rows of the query store out. Records are read one by one, so that each failure is its own;
 * then all that could be read is written at once. What can pass is never skipped: the answer then names the record
 * from which Lambda is to try again.
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
      const fetchForBatch = limitFetches(fetchPayload, { ...FETCH_LIMITS, now });
      const processor = new BatchProcessor(EventType.KinesisDataStreams);
      const readRecord = async (record: KinesisStreamRecord) => {
        read.set(record.kinesis.sequenceNumber, await readDelivery(toDelivery(record), fetchForBatch));
      };
      processor.register(records, readRecord, { throwOnFullBatchFailure: false });
      await processor.process();
      const [failure] = processor.errors;
      if (failure) {
        logger.warn('not all of the batch could be read, the rest to be tried again', {
          why: failure.message,
        });
      }
      const reportBatch = (outcome: BatchOutcome) => {
        const endedAt = now();
        report({ ...outcome, batchMs: endedAt - startedAt, lagMs: lagMs(records, outcome.events, endedAt) });
      };
      try {
        const deliveries = untilFirstFailure(records, read);
        const outcome = await projectBatch(store, deliveries);
        const last = deliveries.at(-1);
        if (last) await store.saveProgress(last.position, { isKnown: parallelizationFactor === 1 });
        logger.info('projected', { ...outcome });
        reportBatch(outcome);
      } catch (error) {
        // The write is sorted by key, so nothing is known about which records are in: all of them go again.
        logger.error('not projected, to be tried again', { error });
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

/** The age of the first record that is not in rows; where all are, of the last one when it came to be there. */
function lagMs(records: readonly KinesisStreamRecord[], done: number, now: number): number {
  const record = records[done] ?? records.at(-1);
  // Clocks differ, and some round.
  return record ? Math.max(0, Math.round(now - record.kinesis.approximateArrivalTimestamp * 1000)) : 0;
}

let deployed: ProjectStreamHandler | undefined;

/** The function as AWS runs it: composed from the environment at its first event. */
export const handler: ProjectStreamHandler = (event, context) => {
  deployed ??= createProjectStream({
    store: createQueryStore(openFromEnvironment(process.env, createSecretReader)),
    fetchPayload: createPayloadFetch({ policy: readPayloadPolicy(process.env), now: Date.now }),
    parallelizationFactor: readParallelizationFactor(process.env),
    report: createReporter('project-stream'),
    logger: createLogger('project-stream'),
  });
  return deployed(event, context);
};
