import type { DatasetKey } from '../../common/dataset-key.ts';

/**
 * The database operations that delete a pool's data. They do not delete existing datasets; `SyncStore.change` does
 * that. For a pool that is not marked as deleted, these operations list and remove nothing, and report that nothing is
 * left.
 */
export interface PoolDataStore {
  /** Returns existing datasets of the pool that follow the dataset `after`, in the store's own order. */
  listDatasets(identityPoolId: string, after: DatasetKey | null, limit: number): Promise<DatasetKey[]>;
  /**
   * Removes the pending merges of the pool's identities, because they would create new datasets.
   * @returns the number of merges removed
   */
  removePendingMerges(identityPoolId: string): Promise<number>;
  /**
   * Removes all data of the pool, including its identities and their logins. Keeps only existing datasets. Each step is
   * small enough for one transaction. Events that are not yet published stay. Rows may be left if other processes
   * remove or write the same rows.
   *
   * @returns the number of rows removed
   */
  removeRows(identityPoolId: string): Promise<number>;
  /** Returns whether any data of the pool is left, apart from the mark of its deletion. */
  isLeft(identityPoolId: string): Promise<boolean>;
  /** Returns the ids of pools marked as deleted, sorted, after the id `after`. */
  listMarked(after: string, limit: number): Promise<string[]>;
  /**
   * Removes the row of a deleted pool, unless any of the pool's data is left.
   * @param markedBefore the row is removed only if the pool was marked before this time; epoch milliseconds
   * @returns whether the row was removed
   */
  removePool(identityPoolId: string, markedBefore: number): Promise<boolean>;
}
