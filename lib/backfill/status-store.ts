import type { Gap } from './publish-model.ts';

/** The last reconciliation of a pool. Times are epoch milliseconds. */
export interface LastReconciliation {
  identityPoolId: string;
  startedAt: number;
  /** Null where it was cut off, or is under way. */
  finishedAt: number | null;
  /** Datasets. */
  compared: number;
  repaired: number;
}

/** Events that lie in quarantine and were not redriven. */
export interface QuarantineCount {
  /** Null where what arrived does not say. */
  identityPoolId: string | null;
  /** The fixed word that reasons start with. */
  reason: string;
  events: number;
}

/** How far a shard is projected. Times are epoch milliseconds. */
export interface ProjectedPosition {
  streamName: string;
  shardId: string;
  /** The last record that is projected; null where nobody can know. */
  sequenceNumber: string | null;
  arrivedAt: number | null;
  projectedAt: number;
}

/** What a status tells of the query store. */
export interface StatusStore {
  /** Of all pools, oldest first; those that are mended as long as they are kept. */
  readGaps(): Promise<Gap[]>;
  readReconciliations(): Promise<LastReconciliation[]>;
  countQuarantinedByReason(): Promise<QuarantineCount[]>;
  readProgress(): Promise<ProjectedPosition[]>;
  /** The pools of which anything is kept. */
  listKnownPools(): Promise<string[]>;
}
