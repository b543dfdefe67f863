import type { Gap, PublishRun } from '../../../../lib/backfill/publish-model.ts';
import type { LastReconciliation, QuarantineCount } from '../../../../lib/backfill/status-store.ts';
import type { PoolStreaming } from '../../../../lib/backfill/sync-client.ts';

/** What the service itself says of a pool now. */
export interface PoolNow {
  streaming: PoolStreaming;
  syncTrigger: string | null;
}

/** How a pool stands. Times are epoch milliseconds. */
export interface PoolReport {
  identityPoolId: string;
  /** Null where the service could not be asked. */
  now: PoolNow | null;
  /** Why it could not. */
  problem: string | null;
  /** As it was seen to stream before; null where it never was seen. */
  seen: { isEnabled: boolean; streamName: string | null; checkedAt: number } | null;
  lastRun: PublishRun | null;
  /** Those that are not mended. */
  gaps: Pick<Gap, 'since' | 'until' | 'cause'>[];
  /** A bulk publish that begins after it is needed, for people who came in a gap; null where none is. */
  needsPublishAfter: number | null;
  reconciliation: LastReconciliation | null;
  quarantine: QuarantineCount[];
}

/** How far a shard is projected, and what waits behind it. */
export interface ShardReport {
  shardId: string;
  /** When the last record that is projected arrived; null where none is, or nobody can know. */
  arrivedAt: number | null;
  /** When it was written; null where nothing was. */
  projectedAt: number | null;
  /** Null where it was not looked at. */
  waiting: { events: number; hasMore: boolean; lagMs: number } | null;
}

export interface StreamReport {
  streamName: string;
  shards: ShardReport[];
  /** Whether a pool streams to it now. */
  isStreamedTo: boolean;
  /** Why it could not be read. */
  problem: string | null;
}

export interface StatusReport {
  /** What the service is called; null where none was asked. */
  service: string | null;
  /** Why none was, or why it did not name its pools. */
  problem: string | null;
  pools: PoolReport[];
  streams: StreamReport[];
  /** What lies in quarantine, and does not say of which pool it is. */
  ofNobody: QuarantineCount[];
}
