import type { Gap } from '../publish-model.ts';

/** The last reconciliation of a pool. Times are epoch milliseconds. */
export interface LastReconciliation {
  identityPoolId: string;
  startedAt: number;
  /** Null if the reconciliation was interrupted or is still running. */
  finishedAt: number | null;
  /** Numbers of datasets compared and repaired. */
  compared: number;
  repaired: number;
}

/** Number of quarantined events that `redrive` has neither projected nor dismissed, for one pool and reason. */
export interface QuarantineCount {
  /** Null if the event does not name its pool. */
  identityPoolId: string | null;
  /** The keyword with which the stored reasons of these events start. */
  reason: string;
  events: number;
}

/** How far a shard is projected. Times are epoch milliseconds. */
export interface ProjectedPosition {
  streamName: string;
  shardId: string;
  /** Sequence number of the last projected record. Null if batches of the shard are projected concurrently. */
  sequenceNumber: string | null;
  arrivedAt: number | null;
  projectedAt: number;
}

/** The query store operations that `status` needs. */
export interface StatusStore {
  /** Returns the gaps of all pools, oldest first. Includes repaired gaps until the sweep deletes them. */
  readGaps(): Promise<Gap[]>;
  readReconciliations(): Promise<LastReconciliation[]>;
  countQuarantinedByReason(): Promise<QuarantineCount[]>;
  readProgress(): Promise<ProjectedPosition[]>;
  /** Returns the pools that the poller or a reconciliation has recorded. */
  listKnownPools(): Promise<string[]>;
}
