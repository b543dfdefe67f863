import { type EncodedRecord, type EventOrigin, encodeRecord, measureBatch } from './kinesis-event.ts';
import type { MappingPace, MappingSettings, Surroundings } from './mapping-settings.ts';
import { isCondition, type ShardCursor } from './shard-cursor.ts';
import { errorText, type Trouble } from './trouble.ts';
import { retryDelayMs, untilAborted } from './waiting.ts';

/** Why a shard has no more records: it is closed and read to its end, or it (or its stream) is gone. */
export type ShardEnd = 'drained' | 'missing';

interface BatchCollector {
  /** The next batch, waited for; empty when the shard has ended or the signal is aborted. */
  next(): Promise<EncodedRecord[]>;
  /** Drops the first `count` records: they are processed. */
  processed(count: number): void;
  /** When the oldest record arrived that is read but not processed, epoch milliseconds. */
  oldestArrival(): number | undefined;
  end(): ShardEnd | undefined;
}

interface BatchCollectorDeps extends Surroundings {
  cursor: ShardCursor;
  origin: EventOrigin;
  settings: Pick<MappingSettings, 'batchSize' | 'maximumBatchingWindowMs'>;
  /** Records that arrived before this time (epoch milliseconds) are passed over. */
  notBefore: number;
  pace: MappingPace;
  trouble: Trouble;
  signal: AbortSignal;
}

/** Source: AWS Lambda Developer Guide, "Lambda event source mappings", batching behavior: 6 MB. */
const MAX_PAYLOAD_BYTES = 6 * 1024 * 1024;
/** AWS ends an answer at 10 MB by itself; emulators do not, and a record may hold 1 MiB. */
const MAX_RECORDS_PER_READ = 100;

type Pending = EncodedRecord & { readAt: number };

/**
 * Collects batches as AWS does: a batch is complete when it has `batchSize` records, when the next record
 * would lift the payload over 6 MB, or when its oldest record has waited for the batching window. Records that
 * are there already are taken up to a full batch even without a window.
 */
export function createBatchCollector(deps: BatchCollectorDeps): BatchCollector {
  const { cursor, settings, pace, trouble, signal, now, sleep } = deps;
  const limits = { batchSize: settings.batchSize, maxPayloadBytes: MAX_PAYLOAD_BYTES };
  const pending: Pending[] = [];
  let end: ShardEnd | undefined;
  /** The last read was as long as it could be, so another will find records at once. */
  let more = false;

  async function readMore(): Promise<void> {
    const limit = Math.min(MAX_RECORDS_PER_READ, Math.max(1, settings.batchSize - pending.length));
    more = false;
    try {
      const page = await untilAborted(cursor.read(limit), signal);
      if (!page) return;
      trouble.over();
      for (const record of page.records) {
        if (record.arrivedAt.getTime() < deps.notBefore) continue;
        pending.push({ ...encodeRecord(record, deps.origin), readAt: now() });
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
      await sleep(retryDelayMs(attempt, pace, deps.random()), signal);
    }
  }

  function windowLeftMs(): number {
    const [oldest] = pending;
    return oldest ? oldest.readAt + settings.maximumBatchingWindowMs - now() : Number.POSITIVE_INFINITY;
  }

  async function pause(): Promise<void> {
    const ms = Math.min(pace.pollIntervalMs, windowLeftMs());
    if (ms > 0) await sleep(ms, signal);
  }

  return {
    async next() {
      while (!signal.aborted) {
        const { count, full } = measureBatch(pending, limits);
        const waitedEnough = end !== undefined || (!more && windowLeftMs() <= 0);
        if (full || (count > 0 && waitedEnough)) return pending.slice(0, count);
        if (end !== undefined) break;
        await readMore();
      }
      return [];
    },
    processed: (count) => void pending.splice(0, count),
    oldestArrival: () => pending[0]?.arrivedAt,
    end: () => end,
  };
}
