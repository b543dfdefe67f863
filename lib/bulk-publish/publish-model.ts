/** How a bulk publish stands. UNSEEN: a newer one began before the end of this one was seen. */
export type RunStatus = 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED' | 'UNSEEN';

/**
 * Whether all that a bulk publish put onto the stream is in the query store. stalled: it is not, and for a while nothing
 * has moved. unknown: nobody can tell, and of one that did not succeed there is nothing to tell.
 */
export type Completeness = 'waiting' | 'projected' | 'stalled' | 'unknown';

/** A bulk publish of a pool, named by its start. Times are epoch milliseconds. */
export interface PublishRun {
  identityPoolId: string;
  startedAt: number;
  /** Null where the pool did not say. */
  streamName: string | null;
  status: RunStatus;
  completedAt: number | null;
  failureMessage: string | null;
  completeness: Completeness;
  /** In words, for people; null where it waits for nothing. */
  waitingFor: string | null;
  projectedAt: number | null;
  /** Tells whether any shard was projected further since; null before it was looked at. */
  positionMark: string | null;
  /** Since when it is the same. */
  positionAt: number | null;
  checkedAt: number;
}

/** Where a pool was seen to stream to, last. */
export interface SeenStreaming {
  identityPoolId: string;
  streamName: string | null;
  isEnabled: boolean;
  checkedAt: number;
}

/** A time of which removals may be missing in the query store: no bulk publish brings them. */
export interface Gap {
  identityPoolId: string;
  since: number;
  /** streaming-off: the pool did not stream. expired: records may have left the stream before they were projected. */
  cause: 'streaming-off' | 'expired';
  /** Null while it goes on. */
  until: number | null;
  /** When a reconciliation had repaired it. */
  mendedAt: number | null;
}

/** How far a shard is projected. */
export interface ShardPosition {
  shardId: string;
  /** The last record that is projected; null where nobody can know. */
  sequenceNumber: string | null;
  /** Its arrival. */
  arrivedAt: number | null;
}

/** A shard that has been quiet for long: nothing was projected of it, and it was not seen empty, for a while. */
export interface QuietShard {
  shardId: string;
  sequenceNumber: string;
  /** Of the last record that is projected. */
  arrivedAt: number;
  /** When nothing was waiting behind that record; null where nobody has looked. */
  emptyAt: number | null;
}
