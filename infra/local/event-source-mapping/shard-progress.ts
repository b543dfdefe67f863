import type { CheckpointStore } from './checkpoint-file.ts';
import type { EncodedRecord } from './kinesis-event.ts';

/** Which records of a shard are processed, though not necessarily in order, and how far without a gap. */
export interface ShardProgress {
  /** In the order of the shard. */
  read(record: EncodedRecord): void;
  processed(records: readonly EncodedRecord[]): void;
  /** How many records were read beyond the first one that is not processed. */
  readonly ahead: number;
  /** When the oldest record arrived that is read but not processed, epoch milliseconds. */
  oldestArrival(): number | undefined;
  /** The last record before which all are processed, once it is stored; null before the first. */
  checkpoint(): string | null;
  /** The checkpoint is not of this stream. */
  lost(): void;
  /** Stores the checkpoint if it has moved. A save that failed may be called again. */
  save(): Promise<void>;
}

interface ShardProgressDeps {
  shardId: string;
  after: string | undefined;
  checkpoints: CheckpointStore;
}

/**
 * The checkpoint stays before the first record that is not processed, even if later records are. After a crash those
 * records are delivered again, and none is skipped.
 */
export function createShardProgress({ shardId, after, checkpoints }: ShardProgressDeps): ShardProgress {
  const ahead = new Map<string, { arrivedAt: number; processed: boolean }>();
  let reached: string | undefined;
  let stored = after ?? null;
  return {
    read({ sequenceNumber, arrivedAt }) {
      ahead.set(sequenceNumber, { arrivedAt, processed: false });
    },
    processed(records) {
      for (const { sequenceNumber } of records) {
        const record = ahead.get(sequenceNumber);
        if (record) record.processed = true;
      }
      for (const [sequenceNumber, { processed }] of ahead) {
        if (!processed) break;
        ahead.delete(sequenceNumber);
        reached = sequenceNumber;
      }
    },
    get ahead() {
      return ahead.size;
    },
    oldestArrival() {
      for (const { arrivedAt } of ahead.values()) return arrivedAt;
      return undefined;
    },
    checkpoint: () => stored,
    lost() {
      stored = null;
      reached = undefined;
    },
    async save() {
      // As far as it has come by now: an older one, saved late, would move the checkpoint back.
      const sequenceNumber = reached;
      if (sequenceNumber === undefined || sequenceNumber === stored) return;
      await checkpoints.save(shardId, sequenceNumber);
      stored = sequenceNumber;
    },
  };
}
