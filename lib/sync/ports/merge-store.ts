import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import type { SyncRecord } from '../model.ts';
import type { CountedDataset, OutgoingEvent, Snapshot, StoredDataset } from './sync-store.ts';

/** An identity that was merged into another identity of its pool. */
export interface Merge {
  /** The disappearing identity, which was merged into the surviving identity. */
  from: IdentityKey;
  /** Id of the surviving identity. */
  into: string;
  /** When the identities were merged, in epoch milliseconds. */
  mergedAt: number;
}

/** The destination of a dataset that a merge moves from the disappearing to the surviving identity. */
export interface MergeTarget {
  dataset: DatasetKey;
  /** The dataset whose listings name the copy in MergedDatasetNames. It need not exist. */
  root: DatasetKey;
}

/** The state from which the merge of one dataset is decided. All of it is read at one point in time. */
export interface MergeSnapshot {
  /** The dataset to move. It exists. */
  source: StoredDataset;
  /** The records to write to the copy. A tombstone removes the record there. */
  records: readonly SyncRecord[];
  /** The dataset into which the records are copied, with its stored records of the same keys. */
  target: Snapshot;
  targetKey: DatasetKey;
}

/** The new states of the dataset that is moved and of its copy. */
export interface DatasetMerge {
  /** The state of the moved dataset after its deletion. */
  deletion: CountedDataset;
  /** The new state and the records of the copy; null if there is nothing to copy. */
  copy: { dataset: CountedDataset; records: readonly SyncRecord[] } | null;
  /** The stream events of both changes. They are written only if streaming is enabled for the pool at that moment. */
  events: readonly OutgoingEvent[];
}

/** The database operations of merges of identities. */
export interface MergeStore {
  /**
   * Copies a dataset of a disappearing identity to the surviving identity and deletes the original, in one transaction.
   * Concurrent writes to the original or to the copy are serialized with this transaction. Nothing happens if the
   * original does not exist.
   *
   * @param into id of the surviving identity, of the same pool
   * @param targetOf called with true if the dataset is itself a copy that a merge made, otherwise with false
   * @param decide returns null to write nothing. Like `targetOf`, it runs again if the database asks for a retry.
   * @returns outbox ids of the events
   */
  mergeDataset(
    source: DatasetKey,
    into: string,
    targetOf: (isCopy: boolean) => MergeTarget,
    decide: (snapshot: MergeSnapshot) => DatasetMerge | null,
  ): Promise<string[]>;
  /** Returns at most `limit` pending merges that follow the merge `after`, in the store's own order. */
  listPending(after: Merge | null, limit: number): Promise<Merge[]>;
  /**
   * Removes a pending merge. Does not remove it while the disappearing identity still has datasets or is the target of
   * other pending merges.
   * @returns whether the merge was removed
   */
  endPending(merge: Merge): Promise<boolean>;
}
