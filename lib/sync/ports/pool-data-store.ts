import type { DatasetKey } from '../../common/dataset-key.ts';

/**
 * What deleting the data of a pool needs of a database, beside the deletion of each dataset. Of a pool that is not marked
 * as deleted nothing is listed, removed or left.
 */
export interface PoolDataStore {
  /** Datasets of the pool that exist, in an order of its own, from after the one given. */
  listDatasets(identityPoolId: string, after: DatasetKey | null, limit: number): Promise<DatasetKey[]>;
  /**
   * Forgets the merges of the pool's identities that are not over: they would make new datasets.
   * @returns how many
   */
  removePendingMerges(identityPoolId: string): Promise<number>;
  /**
   * Removes all else that is kept of the pool, its identities and their logins, too, but no dataset that exists; in steps,
   * each as small as a transaction has to be. What waits to be published stays. Where others remove the same, or write,
   * something may be left.
   *
   * @returns how many rows
   */
  removeRows(identityPoolId: string): Promise<number>;
  /** Whether anything is kept of the pool beside that it is deleted. */
  isLeft(identityPoolId: string): Promise<boolean>;
  /** Pools that are marked as deleted by id, from after the id `after`. */
  listMarked(after: string, limit: number): Promise<string[]>;
  /**
   * Forgets that the pool is deleted, unless anything of it is left.
   * @param markedBefore only where it was deleted before; epoch milliseconds
   * @returns whether it did
   */
  removePool(identityPoolId: string, markedBefore: number): Promise<boolean>;
}
