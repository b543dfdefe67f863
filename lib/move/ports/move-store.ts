import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import type { IdentityPoolDescription } from '../../identity/model.ts';
import type { StreamPosition } from '../../projection/delivery.ts';
import type { Version } from '../../stream/stream-event.ts';
import type { ReplicaChange } from '../../sync/replica.ts';
import type { OriginIdentity } from './origin.ts';

/** Where a copy is. The phases follow each other in this order. */
export interface CopyProgress {
  /**
   * `usable` and `all`: lists the identities that clients can use, then all identities. `data`: copies the datasets.
   * `done`: the copy is complete.
   */
  phase: 'usable' | 'all' | 'data' | 'done';
  /**
   * In `usable` and `all`, the token of the next page of identities. In `data`, the last identity of a finished page.
   * Null at the start of a phase.
   */
  position: string | null;
  counts: CopyCounts;
}

/** What a copy has done so far, over all its runs. */
export interface CopyCounts {
  /** Identities that the origin listed. */
  listed: number;
  /** Listed identities that did not exist here. */
  created: number;
  /** Identities whose data was compared with the origin. */
  copied: number;
  datasets: number;
  /** Rows written, tombstones included. */
  records: number;
  /** Datasets that are gone at the origin, and were removed here. */
  removed: number;
  /** Identities that were not changed: this service owns them, or has deleted or merged them. */
  kept: number;
  /** Identities that exist here, but no longer at the origin. */
  missing: number;
  /** Reported problems of identities and datasets. */
  skipped: number;
  /** Identities and datasets that could not be read at the origin, included in `skipped`. The next copy may succeed. */
  unread: number;
}

/** Returns the progress of a copy that starts. */
export function noProgress(): CopyProgress {
  const counts = { listed: 0, created: 0, copied: 0, datasets: 0, records: 0 };
  return {
    phase: 'usable',
    position: null,
    counts: { ...counts, removed: 0, kept: 0, missing: 0, skipped: 0, unread: 0 },
  };
}

export interface MovingPool {
  identityPoolId: string;
  /** Name of the origin. */
  origin: string;
  /** Start of the last copy, epoch milliseconds. It identifies the copy. */
  startedAt: number;
  progress: CopyProgress;
  /** End of the last complete copy; null until then. */
  copiedAt: number | null;
  /** Arrival of the last event of the origin's stream that was applied; null if there was none. */
  followedUpTo: number | null;
  /** The time up to which all events of the origin's stream are applied; null if it is unknown. */
  caughtUpTo: number | null;
  /** Date, at the origin, of the last known write that an old version made there; null if none is known. */
  lastOldWrite: number | null;
  /** When the migration was finished; null while the pool is being migrated. */
  finishedAt: number | null;
  /** Since when events may be missing, because they expired or could not be applied; null if no event is missing. */
  gapSince: number | null;
  /** End of the last comparison with the origin, and the number of differences that it found; null until then. */
  verifiedAt: number | null;
  differences: number | null;
  /** The process that works on the pool; null if none does. */
  lease: { holder: string; until: number } | null;
}

/** Numbers of identities of a pool that came from the origin, without the replicas that were deleted here. */
export interface MovedCounts {
  identities: number;
  takenOver: number;
  /** Identities whose data the last copy has compared. */
  copied: number;
}

export interface Lease {
  identityPoolId: string;
  leaseId: string;
}

/**
 * How this service treats a moved identity, which is one that came from the origin. `kept`: this service owns the
 * identity, has deleted it or has merged it.
 */
export type MovedState = 'replica' | 'kept';

/** A dataset of a moved identity, as stored here. `exists` is false for a deleted dataset. */
export interface KnownReplica {
  datasetName: string;
  version: Version;
  exists: boolean;
}

/** Why a change was not applied: this service owns the identity, or the identity was deleted or merged here. */
export type Applied =
  | { outcome: 'kept' }
  | {
      outcome: 'written' | 'unchanged';
      /** Number of rows written. */
      records: number;
      /**
       * Number of written records that were not published, because they are too large for an event and this process
       * cannot offload them.
       */
      leftOut: number;
    };

/** The database operations of a migration. */
export interface MoveStore {
  /** Saves the last applied record of a shard of an origin's stream. An older record does not replace a newer one. */
  saveShard(origin: string, position: StreamPosition): Promise<void>;
  /** Returns the sequence number of the last applied record of each shard, by the id of the shard. */
  readShards(origin: string, streamName: string): Promise<Map<string, string>>;
  /** Returns the pool; null if it was never copied. */
  readPool(identityPoolId: string, now: number): Promise<MovingPool | null>;
  /** Returns all pools, or at most `limit` pools after the pool `after`. They are in the order of their ids. */
  listPools(now: number, page?: { after: string; limit: number }): Promise<MovingPool[]>;
  /** @param maxRows if given, only so many identities are counted */
  countIdentities(identityPoolId: string, startedAt: number, maxRows?: number): Promise<MovedCounts>;
  /**
   * Takes the lease of a pool. Creates the row of a pool that was never copied, with a copy that starts now.
   * @returns the lease, or the process that has it
   */
  takeLease(
    identityPoolId: string,
    about: { origin: string; holder: string; now: number; until: number },
  ): Promise<Lease | { holder: string; until: number }>;
  /** Extends the lease and saves the progress. @returns false if the lease was lost; then nothing is written */
  save(lease: Lease, progress: CopyProgress, until: number): Promise<boolean>;
  /**
   * Starts the next copy of a pool.
   * @param isPoolNew whether the pool is yet to be created; everything known of an earlier pool is then forgotten
   * @returns false if the lease was lost
   */
  startCopy(lease: Lease, about: { origin: string; startedAt: number; isPoolNew: boolean }): Promise<boolean>;
  /**
   * Makes each change of the pool's datasets mark the dataset for the bridge, as `startCopy` does. An earlier version
   * of this service may have started the copy, and did not do that.
   */
  resumeCopy(lease: Lease): Promise<void>;
  poolExists(identityPoolId: string): Promise<boolean>;
  /**
   * Creates an identity that no client uses, for the time of a call.
   * @param work receives the identity's id, and finds out whether the origin has this identity, too
   */
  withProbe<Result>(identityPoolId: string, work: (identityId: string) => Promise<Result>): Promise<Result>;
  /**
   * Creates a pool with the settings that it has at the origin. The pool streams here, so the query store shows what is
   * copied. It has no sync trigger: the origin's function cannot be called from here.
   * @returns 'being deleted' if data of a deleted pool with this id remains; then nothing is written
   */
  createPool(settings: IdentityPoolDescription): Promise<'made' | 'there' | 'being deleted'>;
  /**
   * Saves that the copy is complete, and its progress. Events no longer count as missing (`gapSince`), but only if the
   * copy could read everything at the origin.
   * @returns false if the lease was lost
   */
  finishCopy(lease: Lease, progress: CopyProgress, at: number): Promise<boolean>;
  releaseLease(lease: Lease): Promise<void>;
  saveVerification(identityPoolId: string, result: { at: number; differences: number }): Promise<void>;
  /** Saves the arrival of an event that was applied, unless a later arrival is saved. */
  saveFollowed(identityPoolId: string, arrivedAt: number): Promise<void>;
  /** Saves the date of a write that an old version of the app made at the origin, unless a later date is saved. */
  saveOldWrite(identityPoolId: string, at: number): Promise<void>;
  /**
   * Saves that all events up to a time are applied. Also saves a gap, which is a time since which events may be
   * missing, if events may have expired from the stream before they were applied. A complete copy that starts later
   * repairs the gap.
   */
  saveCaughtUp(identityPoolId: string, about: { upTo: number; retentionMs: number }): Promise<void>;
  /** Saves that changes since a time may be missing. A complete copy that starts later repairs the gap. */
  saveGap(identityPoolId: string, since: number): Promise<void>;
  /**
   * Creates the identities that do not exist here, and updates those that are still replicas. Marks all as listed by the
   * copy that started at `startedAt`. If `startedAt` is null, only creates identities, and marks none.
   * @param state `disabled`: no client can use the identities
   * @returns numbers of new identities, and of identities that this service owns, has deleted or has merged
   */
  putIdentities(
    identityPoolId: string,
    identities: readonly OriginIdentity[],
    about: { startedAt: number | null; state: 'usable' | 'disabled'; developerProvider: string | undefined },
  ): Promise<{ created: number; kept: number }>;
  /** Returns which of these identities the copy that started at `startedAt` has listed. */
  listedOf(identityPoolId: string, identityIds: readonly string[], startedAt: number): Promise<Set<string>>;
  /** Returns which of these identities never came from the origin. */
  unknownOf(identityPoolId: string, identityIds: readonly string[]): Promise<string[]>;
  /**
   * Returns which of these identities have a login at the origin that no one has used here, and that the copy does not
   * know either. Omits identities that do not exist here or were merged here.
   */
  withNewLogins(identities: readonly OriginIdentity[]): Promise<string[]>;
  /** Returns identities of the pool after the id `after`, in the order of the database. */
  listIdentities(
    identityPoolId: string,
    about: { after: string; limit: number; startedAt: number },
  ): Promise<ReplicaIdentity[]>;
  /**
   * Links a replica to exactly the developer users that the identity has at the origin.
   * @returns the number of users that could not be linked
   */
  putDeveloperUsers(identity: IdentityKey, provider: string, userIds: readonly string[]): Promise<number>;
  /** Marks that the copy has compared all data of the identity. */
  markCopied(identity: IdentityKey, startedAt: number): Promise<void>;
  /** Returns the datasets of an identity, deleted ones included. */
  readDatasets(identity: IdentityKey): Promise<KnownReplica[]>;
  /** Returns the versions of these datasets. Omits datasets that are not stored. */
  versionsOf(datasets: readonly DatasetKey[]): Promise<{ dataset: DatasetKey; version: Version }[]>;
  /** Returns a dataset with its rows, as stored here. */
  readDataset(dataset: DatasetKey): Promise<StoredRows>;
  /** Applies a change to the replica of a dataset, unless this service owns the identity. */
  applyChange(change: ReplicaChange): Promise<Applied>;
  /** Marks datasets of an identity that this service owns, so that the bridge compares them with the origin. */
  markChanged(identity: IdentityKey, names: readonly string[]): Promise<void>;
  /** Marks datasets as copies that a merge made of `root`, unless this service owns the identity. */
  markMergedCopies(root: DatasetKey, names: readonly string[]): Promise<void>;
}

/** A dataset with all its rows. A value of null is a tombstone. */
export interface StoredRows {
  exists: boolean;
  syncCount: number;
  rows: readonly { key: string; value: string | null; syncCount: number }[];
}

export interface ReplicaIdentity {
  identityId: string;
  providers: readonly string[];
  state: MovedState;
  /** Whether the origin has the identity too. */
  isMoved: boolean;
  /** Whether the identity was merged into another one here. At the origin, it still has its own datasets. */
  isMerged: boolean;
  /** Epoch milliseconds. */
  createdAt: number;
  /**
   * Whether the last copy has listed the identity. `isCopied`: whether the last copy has compared the identity's data.
   */
  isListed: boolean;
  isCopied: boolean;
}
