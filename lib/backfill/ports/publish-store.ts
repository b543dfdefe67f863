import type { Gap, PublishRun, QuietShard, SeenStreaming, ShardPosition } from '../publish-model.ts';

/** A period of arrivals on a stream, both ends included, in epoch milliseconds. */
export interface StreamTime {
  streamName: string;
  from: number;
  to: number;
}

/** The poller's own data, and its queries to the query store. */
export interface PublishStore {
  /** Returns the pool's bulk publishes (runs), newest first, as many as are needed to decide the next step. */
  readRuns(identityPoolId: string): Promise<PublishRun[]>;
  /** Saves the state of a run. A run that was saved as projected remains projected. */
  saveRun(run: PublishRun): Promise<void>;
  /** Returns the last seen streaming settings of all pools. */
  readSeen(): Promise<SeenStreaming[]>;
  keepSeen(seen: SeenStreaming): Promise<void>;
  /** Returns the gaps that have not ended, of all pools. */
  readOpenGaps(): Promise<Gap[]>;
  /** Counts the gaps that are not repaired, whether or not they have ended. */
  countUnrepairedGaps(): Promise<number>;
  /** Saves a gap. Has no effect if the gap is already stored. */
  openGap(gap: Pick<Gap, 'identityPoolId' | 'since' | 'cause' | 'until'>): Promise<void>;
  /** Ends the open gaps of a pool with this cause. */
  endGaps(gap: { identityPoolId: string; cause: Gap['cause']; until: number }): Promise<void>;
  readPositions(streamName: string): Promise<ShardPosition[]>;
  /** Deletes the position of a shard, because the shard is read again from its start. */
  forgetPosition(streamName: string, shardId: string): Promise<void>;
  /**
   * Returns the creation time that the last poll found for the stream, in epoch milliseconds. If the creation time has
   * changed since then, the stream was deleted and created again. Null if the stream was never polled.
   */
  readSeenCreation(streamName: string): Promise<number | null>;
  keepSeenCreation(streamName: string, createdAt: number): Promise<void>;
  /**
   * Counts the quarantined events that belong to the pool or whose pool is unknown. Omits the events that `redrive` has
   * projected or dismissed.
   */
  countQuarantined(identityPoolId: string, time: StreamTime): Promise<number>;
  /**
   * Returns the shards whose last projected record arrived before the time `before`. Omits the shards that a poll has
   * found without waiting records at or after that time.
   */
  readQuietShards(streamName: string, before: number): Promise<QuietShard[]>;
  keepEmpty(streamName: string, shardId: string, emptyAt: number): Promise<void>;
}
