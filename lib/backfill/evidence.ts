import type { StreamTime } from './publish-store.ts';
import type { SyncClientCondition } from './sync-client.ts';

/** What stands on a shard behind a position. */
export interface Backlog {
  /** When records arrived that wait: those of the first answer that has any. Epoch milliseconds. */
  arrivals: number[];
  /** Whether there may be more than these. */
  hasMore: boolean;
  /** False where neither a record nor the shard's tip or end was reached. */
  isConclusive: boolean;
}

export interface BacklogQuery {
  /** Sequence number of the last record that does not wait; null for none, and one that the shard does not know counts as none. */
  after: string | null;
  /** Records that arrived before it are passed over; null for none. */
  notBefore: number | null;
}

/** A stream as the poller reads it. Every method throws {EvidenceError}. */
export interface StreamReader {
  /** Closed ones included, as long as the stream keeps their records. */
  listShards(streamName: string): Promise<{ shardId: string; closed: boolean }[]>;
  /** Null where there is no such shard any more. */
  readBacklog(streamName: string, shardId: string, query: BacklogQuery): Promise<Backlog | null>;
  /** For how long the stream keeps records. */
  readRetentionMs(streamName: string): Promise<number>;
  /** When it was made, epoch milliseconds: what an earlier stream of its name held is gone. */
  readCreatedAt(streamName: string): Promise<number>;
}

/**
 * How many batches an event source mapping has given up that hold records of that time and were not redriven.
 * @throws {EvidenceError}
 */
export type CountFailedBatches = (time: StreamTime) => Promise<number>;

/** What completeness is judged by, the stream or the failure destination, could not be read. */
export class EvidenceError extends Error {
  override name = 'EvidenceError';
  readonly condition: SyncClientCondition;

  constructor(condition: SyncClientCondition, message: string) {
    super(message);
    this.condition = condition;
  }
}
