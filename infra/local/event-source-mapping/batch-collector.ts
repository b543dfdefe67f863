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

/** Why a shard has no more records: it is closed and read to its end, or it (or its stream) is gone. */
export type ShardEnd = 'drained' | 'missing';

interface BatchCollector {
  /** The next batch of a lane, waited for; empty when the shard has ended or the signal is aborted. */
  next(lane: number): Promise<EncodedRecord[]>;
  /** Drops the first `count` records of a lane: they are processed. */
  processed(lane: number, count: number): void;
  end(): ShardEnd | undefined;
}

interface BatchCollectorDeps extends MappingRuntime {
  cursor: ShardCursor;
  origin: EventOrigin;
  settings: Pick<MappingSettings, 'batchSize' | 'maximumBatchingWindowMs' | 'parallelizationFactor'>;
  progress: Pick<ShardProgress, 'read' | 'ahead'>;
  /** Records that arrived before this time (epoch milliseconds) are passed over. */
  notBefore: number;
  options: MappingOptions;
  trouble: RetryState;
  signal: AbortSignal;
}

/** AWS ends an answer at 10 MB by itself; emulators do not, and a record may hold 1 MiB. */
const MAX_RECORDS_PER_READ = 100;
/**
 * How many batches of each lane, by size and by bytes, are held while a lane makes no headway. The others go on for
 * that long; what they have processed comes again after a crash.
 */
const MAX_BATCHES_AHEAD = 4;

type Pending = EncodedRecord & { readAt: number };

/**
 * Reads a shard and collects batches as AWS does: a batch is complete when it has `batchSize` records, when the next
 * record would lift the payload over 6 MB, or when its oldest record has waited for the batching window. Records that
 * are there already are taken up to a full batch even without a window.
 *
 * The records go into as many lanes as batches are processed at once, each partition key into a lane of its own.
 *
 * Source: AWS Lambda Developer Guide, "How Lambda processes records from stream and queue-based event sources",
 * batching behavior.
 */
export function createBatchCollector(deps: BatchCollectorDeps): BatchCollector {
  const { cursor, settings, progress, options, trouble, signal, now, sleep } = deps;
  const { batchSize, maximumBatchingWindowMs, parallelizationFactor } = settings;
  const limits = { batchSize, maxPayloadBytes: MAX_PAYLOAD_BYTES };
  const lanes = Array.from({ length: parallelizationFactor }, (): Pending[] => []);
  const maxAhead = MAX_BATCHES_AHEAD * parallelizationFactor * batchSize;
  const maxBytes = MAX_BATCHES_AHEAD * parallelizationFactor * MAX_PAYLOAD_BYTES;
  let bytes = 0;
  let end: ShardEnd | undefined;
  /** The last read was as long as it could be, so another will find records at once. */
  let more = false;
  /** One read at a time serves all lanes that wait. */
  let reading: Promise<void> | undefined;
  const waiting = new Set<Pending[]>();
  let room = Promise.withResolvers<void>();

  const hasRoom = () => progress.ahead < maxAhead && bytes < maxBytes;

  async function readMore(limit: number): Promise<void> {
    more = false;
    try {
      const page = await untilAborted(cursor.read(limit), signal);
      if (!page) return;
      trouble.over();
      for (const record of page.records) {
        if (record.arrivedAt.getTime() < deps.notBefore) continue;
        const encoded = encodeRecord(record, deps.origin);
        progress.read(encoded);
        lanes[laneOf(record.partitionKey, parallelizationFactor)]?.push({ ...encoded, readAt: now() });
        bytes += encoded.bytes;
      }
      more = page.records.length === limit;
      if (page.ended) end = 'drained';
      if (page.records.length === 0 && end === undefined) await pause();
    } catch (error) {
      if (isCondition(error, 'not-found')) {
        end = 'missing';
        return;
      }
      const attempt = trouble.failed(`the shard cannot be read: ${errorText(error)}`);
      await sleep(retryDelayMs(attempt, options, deps.random()), signal);
    }
  }

  function windowLeftMs([oldest]: Pending[]): number {
    return oldest ? oldest.readAt + maximumBatchingWindowMs - now() : Number.POSITIVE_INFINITY;
  }

  async function pause(): Promise<void> {
    const ms = Math.min(options.pollIntervalMs, ...[...waiting].map(windowLeftMs));
    if (ms > 0) await sleep(ms, signal);
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
        const noneToWaitFor = end !== undefined || !hasRoom() || (!more && windowLeftMs(pending) <= 0);
        if (full || (count > 0 && noneToWaitFor)) return pending.slice(0, count);
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
 * Which of a shard's concurrent batches a record goes into, 0 to `parallelizationFactor` - 1: one partition key
 * always into the same, so that its records stay in order. Not by MD5, by which Kinesis chose the shard.
 *
 * Source: AWS Lambda Developer Guide, "Using Lambda to process records from Amazon Kinesis Data Streams":
 * `ParallelizationFactor` keeps the order of each partition key. How keys are assigned is not described.
 */
export function laneOf(partitionKey: string, parallelizationFactor: number): number {
  if (parallelizationFactor === 1) return 0;
  return hash('sha1', partitionKey, 'buffer').readUInt32BE() % parallelizationFactor;
}
