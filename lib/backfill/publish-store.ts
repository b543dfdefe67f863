import type { Gap, PublishRun, QuietShard, SeenStreaming, ShardPosition } from './publish-model.ts';

/** What arrived on a stream in a time, both ends included (epoch milliseconds). */
export interface StreamTime {
  streamName: string;
  from: number;
  to: number;
}

/** What the poller keeps, and what it asks of the query store. */
export interface PublishStore {
  /** Newest first; as many as tell what is to be done next. */
  readRuns(identityPoolId: string): Promise<PublishRun[]>;
  /** Keeps a run as it is now. One that was projected stays so. */
  saveRun(run: PublishRun): Promise<void>;
  /** Of all pools. */
  readSeen(): Promise<SeenStreaming[]>;
  keepSeen(seen: SeenStreaming): Promise<void>;
  /** Those that go on, of all pools. */
  readOpenGaps(): Promise<Gap[]>;
  /** How many were not mended yet, over or not. */
  countUnmendedGaps(): Promise<number>;
  /** A gap that is kept already stays as it is. */
  openGap(gap: Pick<Gap, 'identityPoolId' | 'since' | 'cause' | 'until'>): Promise<void>;
  /** Ends those that go on. */
  endGaps(gap: { identityPoolId: string; cause: Gap['cause']; until: number }): Promise<void>;
  readPositions(streamName: string): Promise<ShardPosition[]>;
  /** Events of the pool, or of nobody knows which, that lie in quarantine and were not redriven. */
  countQuarantined(identityPoolId: string, time: StreamTime): Promise<number>;
  /** Shards of which the last projected record arrived before that time, and that were not seen empty since then. */
  readQuietShards(streamName: string, before: number): Promise<QuietShard[]>;
  keepEmpty(streamName: string, shardId: string, emptyAt: number): Promise<void>;
}
