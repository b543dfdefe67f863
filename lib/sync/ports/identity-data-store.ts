import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';

/**
 * The database operations that delete the data of a deleted identity, apart from the deletion of each dataset. For an
 * identity that is not deleted, these operations list and remove nothing.
 */
export interface IdentityDataStore {
  /** Returns existing datasets of the identity that follow the dataset `after`, in the store's own order. */
  listDatasets(identity: IdentityKey, after: DatasetKey | null, limit: number): Promise<DatasetKey[]>;
  /**
   * Removes the merge that would move the identity's datasets to another identity.
   * @returns the number of merges removed
   */
  removePendingMerges(identity: IdentityKey): Promise<number>;
  /**
   * Removes all data of the identity, including its devices. Keeps only existing datasets. Each step is small enough
   * for one transaction. Events that are not yet published stay.
   *
   * @returns the number of rows removed
   */
  removeRows(identity: IdentityKey): Promise<number>;
  /** Returns whether any data of the identity is left, apart from the mark of its deletion. */
  isLeft(identity: IdentityKey): Promise<boolean>;
  /**
   * Removes the identity's id from the mark of its deletion, unless data is left.
   * @returns whether the deletion is complete
   */
  endDeletion(identity: IdentityKey): Promise<boolean>;
  /** Returns deleted identities whose deletion is not complete, after the identity `after`, in the store's own order. */
  listDeleted(after: IdentityKey | null, limit: number): Promise<IdentityKey[]>;
  /**
   * Removes the marks of complete deletions from before this time, in epoch milliseconds.
   * @returns the number of marks removed
   */
  removeMarks(deletedBefore: number): Promise<number>;
}
