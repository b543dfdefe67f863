import type { StreamTime } from './publish-store.ts';
import type { SyncClientCondition } from './sync-client.ts';

/** The records of a shard after a position. */
export interface Backlog {
  /** Arrival times of the waiting records in the first non-empty response, in epoch milliseconds. */
  arrivals: number[];
  /** Whether more records may follow. */
  hasMore: boolean;
  /**
   * False if the read found no record, but reached neither the newest record nor the end of the shard. Records may then
   * still be waiting.
   */
  isConclusive: boolean;
}

export interface BacklogQuery {
  /** Sequence number after which records count as waiting. If null or unknown to the shard, all records count. */
  after: string | null;
  /** Skips records that arrived before this time, in epoch milliseconds. If null, no record is skipped. */
  notBefore: number | null;
  /** Maximum number of records in a response. Default: 100 */
  maxRecords?: number;
}

/** The stream operations that the poller needs. Every method throws {EvidenceError}. */
export interface StreamReader {
  /** Includes closed shards as long as the stream keeps their records. */
  listShards(streamName: string): Promise<{ shardId: string; closed: boolean }[]>;
  /** Returns null if the shard no longer exists. */
  readBacklog(streamName: string, shardId: string, query: BacklogQuery): Promise<Backlog | null>;
  /** Returns the retention period of the stream. */
  readRetentionMs(streamName: string): Promise<number>;
  /** Returns the stream's creation time in epoch milliseconds. Records of an earlier stream of that name are gone. */
  readCreatedAt(streamName: string): Promise<number>;
}

/**
 * Counts the batches that an event source mapping discarded, that contain records of the period, and that `redrive` has
 * not processed.
 * @throws {EvidenceError} the failure destination cannot be read
 */
export type CountFailedBatches = (time: StreamTime) => Promise<number>;

/**
 * The stream or the failure destination could not be read. The poller needs both to find out whether all events of a
 * bulk publish are projected.
 */
export class EvidenceError extends Error {
  override name = 'EvidenceError';
  readonly condition: SyncClientCondition;

  constructor(condition: SyncClientCondition, message: string) {
    super(message);
    this.condition = condition;
  }
}
