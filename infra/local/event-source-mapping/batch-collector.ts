import { hash } from 'node:crypto';
import { retryDelayMs, untilAborted } from '../waiting.ts';
import {
  type EncodedRecord,
  type EventOrigin,
  encodeRecord,
  MAX_PAYLOAD_BYTES,
  measureBatch,
} from './kinesis-event.ts';
import type { MappingOptions, MappingRuntime, MappingSettings } from './mapping-settings.ts';
import { errorText, type RetryState } from './retry-state.ts';
import { isCondition, type ShardCursor } from './shard-cursor.ts';
import type { ShardProgress } from './shard-progress.ts';

/**
 * Why a shard has no more records. `drained`: the shard is closed and was read to its end. `missing`: the shard or its
 * stream does not exist.
 */
export type ShardEnd = 'drained' | 'missing';

interface BatchCollector {
  /**
   * Waits for the next batch of a lane (one of the concurrent batches of the shard). The batch is empty if the shard
   * has ended or the signal is aborted.
   */
  next(lane: number): Promise<EncodedRecord[]>;
  /** Drops the first `count` records of a lane, which have been processed. */
  processed(lane: number, count: number): void;
  end(): ShardEnd | undefined;
}

interface BatchCollectorDeps extends MappingRuntime {
  cursor: ShardCursor;
  origin: EventOrigin;
  settings: Pick<MappingSettings, 'batchSize' | 'maximumBatchingWindowMs' | 'parallelizationFactor'>;
  progress: Pick<ShardProgress, 'read' | 'ahead'>;
  /** Records that arrived before this time (epoch milliseconds) are skipped. */
  notBefore: number;
  options: MappingOptions;
  retryState: RetryState;
  signal: AbortSignal;
}

/**
 * Maximum number of records per read. This number limits the size of a response. AWS limits a response to 10 MB, but
 * emulators do not, and one record can contain 1 MiB.
 */
const MAX_RECORDS_PER_READ = 100;
/**
 * Limit for reading ahead, in batches per lane. A batch counts as `batchSize` records and as `MAX_PAYLOAD_BYTES`.
 * Nothing more is read while the number of records or the number of bytes has reached its limit:
 *
 * - Records are counted from the first unprocessed record of the shard to the last record that was read, including the
 *   processed records between them.
 * - Bytes are counted only of unprocessed records.
 *
 * If one lane makes no progress, the other lanes continue until one of the limits is reached. After a crash, the
 * processed records after the first unprocessed record are delivered again.
 */
const MAX_BATCHES_AHEAD = 4;

/** The reason for ending a pause. Without a reason, each write would create an error with a stack trace. */
const WRITTEN = 'the stream was written';

type Pending = EncodedRecord & { readAt: number };

/**
 * Reads a shard and collects batches as Lambda does. A batch is complete in any of these cases:
 *
 * - It has `batchSize` records.
 * - The next record would increase the payload to more than 6 MB.
 * - The oldest record of the batch has waited as long as the batching window.
 *
 * If there is no batching window, records that are already on the stream are still collected, up to a full batch.
 *
 * There is one lane per concurrent batch. All records of a partition key go into the same lane.
 *
 * Source: AWS Lambda Developer Guide, "How Lambda processes records from stream and queue-based event sources",
 * batching behavior.
 */
export function createBatchCollector(deps: BatchCollectorDeps): BatchCollector {
  const { cursor, settings, progress, options, retryState, signal, now, sleep } = deps;
  const { batchSize, maximumBatchingWindowMs, parallelizationFactor } = settings;
  const limits = { batchSize, maxPayloadBytes: MAX_PAYLOAD_BYTES };
  const lanes = Array.from({ length: parallelizationFactor }, (): Pending[] => []);
  const maxAhead = MAX_BATCHES_AHEAD * parallelizationFactor * batchSize;
  const maxBytes = MAX_BATCHES_AHEAD * parallelizationFactor * MAX_PAYLOAD_BYTES;
  let bytes = 0;
  let end: ShardEnd | undefined;
  /** Whether the last read returned as many records as it may return. If so, another read probably finds more. */
  let more = false;
  /** The read in progress. One read at a time serves all waiting lanes. */
  let reading: Promise<void> | undefined;
  const waiting = new Set<Pending[]>();
  let room = Promise.withResolvers<void>();
  /** Aborted by a write to the stream since the last read began. */
  let written = new AbortController();
  const onWrite = () => written.abort(WRITTEN);
  deps.writes?.addEventListener('write', onWrite, { signal });
  signal.addEventListener('abort', onWrite, { once: true });

  const hasRoom = () => progress.ahead < maxAhead && bytes < maxBytes;

  async function readMore(limit: number): Promise<void> {
    more = false;
    written = new AbortController();
    try {
      const page = await untilAborted(cursor.read(limit), signal);
      if (!page) return;
      retryState.recovered();
      for (const record of page.records) {
        if (record.arrivedAt.getTime() < deps.notBefore) continue;
        const encoded = encodeRecord(record, deps.origin);
        progress.read(encoded);
        lanes[laneOf(record.partitionKey, parallelizationFactor)]?.push({ ...encoded, readAt: now() });
        bytes += encoded.bytes;
      }
      more = page.records.length === limit;
      if (page.ended) end = 'drained';
      if (page.records.length === 0 && end === undefined) await pause(page.isLatest);
    } catch (error) {
      if (isCondition(error, 'not-found')) {
        end = 'missing';
        return;
      }
      const attempt = retryState.failed(`the shard cannot be read: ${errorText(error)}`);
      await sleep(retryDelayMs(attempt, options, deps.random()), signal);
    }
  }

  function windowLeftMs([oldest]: Pending[]): number {
    return oldest ? oldest.readAt + maximumBatchingWindowMs - now() : Number.POSITIVE_INFINITY;
  }

  async function pause(isLatest: boolean): Promise<void> {
    const { pollIntervalMs, idleIntervalMs = pollIntervalMs } = options;
    const ms = Math.min(pollIntervalMs, ...[...waiting].map(windowLeftMs));
    if (ms > 0) await sleep(ms, signal);
    const isIdle = isLatest && lanes.every((pending) => pending.length === 0);
    if (isIdle && idleIntervalMs > pollIntervalMs)
      await sleep(idleIntervalMs - pollIntervalMs, written.signal);
  }

  async function readFor(pending: Pending[]): Promise<void> {
    const missing = Math.max(1, batchSize - pending.length) * parallelizationFactor;
    const limit = Math.min(MAX_RECORDS_PER_READ, missing, maxAhead - progress.ahead);
    waiting.add(pending);
    reading ??= readMore(limit).finally(() => {
      reading = undefined;
    });
    await reading;
    waiting.delete(pending);
  }

  return {
    async next(lane) {
      const pending = lanes[lane] ?? [];
      while (!signal.aborted) {
        const { count, full } = measureBatch(pending, limits);
        const cannotGrow = end !== undefined || !hasRoom() || (!more && windowLeftMs(pending) <= 0);
        if (full || (count > 0 && cannotGrow)) return pending.slice(0, count);
        if (end !== undefined) break;
        if (hasRoom()) await readFor(pending);
        else await untilAborted(room.promise, signal);
      }
      return [];
    },
    processed(lane, count) {
      for (const record of lanes[lane]?.splice(0, count) ?? []) bytes -= record.bytes;
      room.resolve();
      room = Promise.withResolvers();
    },
    end: () => end,
  };
}

/**
 * Returns the lane of a record, 0 to `parallelizationFactor` - 1. All records of a partition key have the same lane, so
 * they stay in order. The hash is not MD5, by which Kinesis chooses the shard: the MD5 hashes of all keys of a shard
 * are in one range, so the keys might not be spread evenly over the lanes.
 *
 * Source: AWS Lambda Developer Guide, "Using Lambda to process records from Amazon Kinesis Data Streams":
 * `ParallelizationFactor` preserves the order per partition key. AWS does not document how keys are assigned to
 * concurrent batches.
 */
export function laneOf(partitionKey: string, parallelizationFactor: number): number {
  if (parallelizationFactor === 1) return 0;
  return hash('sha1', partitionKey, 'buffer').readUInt32BE() % parallelizationFactor;
}
