import type { LastReconciliation, QuarantineCount } from '../../../../lib/backfill/ports/status-store.ts';
import type { PoolStreaming } from '../../../../lib/backfill/ports/sync-client.ts';
import type { Gap, PublishRun } from '../../../../lib/backfill/publish-model.ts';

/** The current settings of a pool, as the service returned them for this report. */
export interface PoolNow {
  streaming: PoolStreaming;
  syncTrigger: string | null;
}

/** State of a pool. Times are epoch milliseconds. */
export interface PoolReport {
  identityPoolId: string;
  /** The current settings; null if the service could not be queried. */
  now: PoolNow | null;
  /** Why the service could not be queried; null if it was queried. */
  problem: string | null;
  /** The streaming settings of the pool when the poller last observed it; null if the poller never observed it. */
  seen: { isEnabled: boolean; streamName: string | null; checkedAt: number } | null;
  lastRun: PublishRun | null;
  /** The gaps (times in which events may have been lost) that are not repaired. */
  gaps: Pick<Gap, 'since' | 'until' | 'cause'>[];
  /**
   * Identities created during a gap may be missing until a bulk publish that starts after this time is projected. Null
   * if no bulk publish is needed.
   */
  needsPublishAfter: number | null;
  reconciliation: LastReconciliation | null;
  quarantine: QuarantineCount[];
}

/** Up to which position a shard is projected, and which events are waiting after that position. */
export interface ShardReport {
  shardId: string;
  /** When the last projected record arrived on the stream; null if nothing is projected or the time is unknown. */
  arrivedAt: number | null;
  /** When the last projected record was written to the query store; null if nothing is projected. */
  projectedAt: number | null;
  /** The events that arrived after the last projected record; null if the shard was not read. */
  waiting: { events: number; hasMore: boolean; lagMs: number } | null;
}

export interface StreamReport {
  streamName: string;
  shards: ShardReport[];
  /** Whether at least one pool streams to this stream now. */
  isStreamedTo: boolean;
  /** Why the stream could not be read; null if it was read. */
  problem: string | null;
}

export interface StatusReport {
  /** Name of the service; null if no service was queried. */
  service: string | null;
  /** Why no service was queried, or why it did not list its pools; otherwise null. */
  problem: string | null;
  pools: PoolReport[];
  streams: StreamReport[];
  /** The quarantined events that do not name their pool. */
  ofUnknownPool: QuarantineCount[];
}
