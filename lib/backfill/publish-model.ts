import type { Open, RunState } from './run-state.ts';

/**
 * A bulk publish ("run") of a pool: the Cognito Sync service writes all data of the pool to the pool's stream. The
 * start time identifies the run.
 */
export type PublishRun = RunFacts & RunState;

/** A bulk publish that needs further evaluation. */
export type OpenRun = RunFacts & Open;

/** The members that a bulk publish has in every state. Times are epoch milliseconds. */
export interface RunFacts {
  identityPoolId: string;
  startedAt: number;
  /** Null if the stream is unknown. */
  streamName: string | null;
  /** Creation time of the stream on which the run started. It distinguishes streams of one name. Null if unknown. */
  streamCreatedAt: number | null;
  completedAt: number | null;
  failureMessage: string | null;
  /** Since when no shard has made progress. Null until the shards are read for the first time. */
  unmovedSince: number | null;
  checkedAt: number;
}

/** The streaming settings of a pool when it was last polled. */
export interface SeenStreaming {
  identityPoolId: string;
  streamName: string | null;
  isEnabled: boolean;
  checkedAt: number;
}

/**
 * A period whose removals may be missing in the query store. A bulk publish does not add removals, so only a
 * reconciliation repairs a gap.
 */
export interface Gap {
  identityPoolId: string;
  since: number;
  /**
   * streaming-off: the pool did not stream, or used a stream that is not projected. expired: records may have expired
   * before they were projected, or the stream was recreated.
   */
  cause: 'streaming-off' | 'expired';
  /** Null while the gap continues. */
  until: number | null;
  /** When a reconciliation repaired the gap; null if the gap is not repaired. */
  repairedAt: number | null;
}

/** How far a shard is projected. */
export interface ShardPosition {
  shardId: string;
  /** Sequence number of the last projected record. Null if batches of the shard are projected concurrently. */
  sequenceNumber: string | null;
  /** When the last projected record arrived. */
  arrivedAt: number | null;
}

/**
 * A shard from which nothing was projected for some time. It is not known whether records were waiting on the shard in
 * that time.
 */
export interface QuietShard {
  shardId: string;
  sequenceNumber: string;
  /** When the last projected record arrived. */
  arrivedAt: number;
  /**
   * When a poll last found no record after the last projected record. Later, the creation time of a stream that was
   * created again under the same name, once its loss is reported. Null if neither has happened.
   */
  emptyAt: number | null;
}
