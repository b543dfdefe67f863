import type { CheckpointStore } from './checkpoint-file.ts';
import type { EncodedRecord } from './kinesis-event.ts';

/**
 * Tracks which records of a shard are processed, and up to which position all records are processed. Records can be
 * processed out of order.
 */
export interface ShardProgress {
  /** Adds a record that was read; records are added in shard order. */
  read(record: EncodedRecord): void;
  processed(records: readonly EncodedRecord[]): void;
  /** Number of records from the first record that is not processed to the last record that was read. */
  readonly ahead: number;
  /** Arrival time of the oldest record that was read but not processed, epoch milliseconds. */
  oldestArrival(): number | undefined;
  /**
   * The stored checkpoint: the sequence number up to which all records are processed. Null before the first checkpoint.
   */
  checkpoint(): string | null;
  /** Clears the checkpoint, because it belongs to another stream. */
  lost(): void;
  /** Stores the checkpoint if it has moved. A failed save can be repeated. */
  save(): Promise<void>;
}

interface ShardProgressDeps {
  shardId: string;
  after: string | undefined;
  checkpoints: CheckpointStore;
}

/**
 * Creates the progress of one shard. The checkpoint never moves past a record that is not processed, even if later
 * records are processed. After a crash, these later records are delivered again, and no record is skipped.
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
      // Each repetition of a failed save saves the current position. If it saved the position of the first attempt, it
      // could move the checkpoint back.
      const sequenceNumber = reached;
      if (sequenceNumber === undefined || sequenceNumber === stored) return;
      await checkpoints.save(shardId, sequenceNumber);
      stored = sequenceNumber;
    },
  };
}
