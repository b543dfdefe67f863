import type { PoolDataStore } from '../ports/pool-data-store.ts';
import { type DeleteDataDeps, deleteData } from './delete-data.ts';

export interface DeletePoolDataDeps extends DeleteDataDeps {
  poolData: Pick<PoolDataStore, 'listDatasets' | 'removePendingMerges' | 'removeRows' | 'isLeft'>;
  /** Keeps, for later erasures, which identities of the pool were merged into which. */
  keepMerges: (identityPoolId: string) => Promise<void>;
}

/**
 * Deletes the data of a pool that is marked as deleted, including the pool's identities and their logins. The pool
 * stays marked as deleted. The data of a pool that is not marked is never deleted, even if a pool was created again
 * under the same id.
 *
 * @returns a function that returns whether nothing is left, and throws the errors of `deleteData`
 */
export function createDeletePoolData({
  poolData,
  keepMerges,
  ...deps
}: DeletePoolDataDeps): (identityPoolId: string) => Promise<boolean> {
  return (identityPoolId) =>
    deleteData(deps, {
      isLeft: () => poolData.isLeft(identityPoolId),
      removePendingMerges: () => poolData.removePendingMerges(identityPoolId),
      listDatasets: (after, limit) => poolData.listDatasets(identityPoolId, after, limit),
      includes: ({ poolExists }) => !poolExists,
      async removeRows() {
        await keepMerges(identityPoolId);
        return poolData.removeRows(identityPoolId);
      },
    });
}
