import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import type { SyncRecord } from '../model.ts';
import type { CountedDataset, OutgoingEvent, Snapshot, StoredDataset } from './sync-store.ts';

/** An identity that was merged into another identity of its pool. */
export interface Merge {
  /** The disappearing identity. */
  from: IdentityKey;
  /** Id of the surviving identity. */
  into: string;
  /** Epoch milliseconds. */
  mergedAt: number;
}

/** The destination of a dataset of a disappearing identity. */
export interface MergeTarget {
  dataset: DatasetKey;
  /** The dataset whose listings name the copy; it need not exist. */
  root: DatasetKey;
}

/** The state on which the merge of one dataset is decided, read at one point in time. */
export interface MergeSnapshot {
  /** The dataset to merge, which exists. */
  source: StoredDataset;
  /** Its live records. */
  records: readonly SyncRecord[];
  /** The dataset into which the records are copied, with its records of the same keys. */
  target: Snapshot;
  targetKey: DatasetKey;
}

/** The new states of the two datasets. */
export interface DatasetMerge {
  /** The source after its deletion. */
  deletion: CountedDataset;
  /** Null if there is nothing to copy. */
  copy: { dataset: CountedDataset; records: readonly SyncRecord[] } | null;
  /** Written only if the pool streams at that moment. */
  events: readonly OutgoingEvent[];
}

/** The database operations of merges of identities. */
export interface MergeStore {
  /**
   * Copies a dataset of a disappearing identity to the surviving one and deletes it, in one transaction. A concurrent
   * write to either of the two comes before it or after it. Nothing happens if the dataset does not exist.
   *
   * @param into id of the surviving identity, of the same pool
   * @param targetOf called with whether the dataset is itself a copy that a merge made
   * @param decide returns null to write nothing. Like `targetOf`, it runs again if the database asks for a retry.
   * @returns outbox ids of the events
   */
  mergeDataset(
    source: DatasetKey,
    into: string,
    targetOf: (isCopy: boolean) => MergeTarget,
    decide: (snapshot: MergeSnapshot) => DatasetMerge | null,
  ): Promise<string[]>;
  /** Returns at most `limit` pending merges, after the one given, in the store's own order. */
  listPending(after: Merge | null, limit: number): Promise<Merge[]>;
  /**
   * Removes a pending merge, unless the disappearing identity still has datasets or is the target of other pending
   * merges.
   * @returns whether it was removed
   */
  endPending(merge: Merge): Promise<boolean>;
}
