import type { DatasetKey } from '../stream/stream-event.ts';

/** What deleting the data of a pool needs of a database, beside the deletion of each dataset. */
export interface PoolDataStore {
  /** Datasets of the pool that exist, in an order of its own, from after the one given. */
  listDatasets(identityPoolId: string, after: DatasetKey | null, limit: number): Promise<DatasetKey[]>;
  /** Forgets the merges of the pool's identities that are not over: they would make new datasets. */
  removePendingMerges(identityPoolId: string): Promise<void>;
  /**
   * Removes all else that is kept of the pool, but no dataset that exists; in steps, each as small as a transaction has
   * to be. What waits to be published stays.
   *
   * @returns how many datasets, deleted before, are not known any more
   */
  removeRows(identityPoolId: string): Promise<number>;
}
