import type { Open, RunState } from './run-state.ts';

/** A bulk publish of a pool, named by its start. */
export type PublishRun = RunFacts & RunState;

/** One of which there is more to be found out. */
export type OpenRun = RunFacts & Open;

/** What is kept of a bulk publish whatever state it is in. Times are epoch milliseconds. */
export interface RunFacts {
  identityPoolId: string;
  startedAt: number;
  /** Null where the pool did not say. */
  streamName: string | null;
  completedAt: number | null;
  failureMessage: string | null;
  /** Since when no shard was seen to be projected further; null before anybody has looked. */
  unmovedSince: number | null;
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
