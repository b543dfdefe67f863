import type { IdentityKey } from '../../common/dataset-key.ts';
import type { IdentityDataStore } from '../ports/identity-data-store.ts';
import { type DeleteDataDeps, deleteData } from './delete-data.ts';

export interface DeleteIdentityDataDeps extends DeleteDataDeps {
  identityData: Omit<IdentityDataStore, 'listDeleted' | 'removeMarks'>;
}

/**
 * Deletes the data of a deleted identity: datasets, counts, used session tokens, devices and subscriptions. The data of
 * an identity that is not deleted is never removed.
 *
 * @returns a function that returns whether nothing is left, and throws the errors of `deleteData`
 */
export function createDeleteIdentityData({
  identityData,
  ...deps
}: DeleteIdentityDataDeps): (identity: IdentityKey) => Promise<boolean> {
  return async (identity) => {
    const isEmpty = await deleteData(deps, {
      isLeft: () => identityData.isLeft(identity),
      removePendingMerges: () => identityData.removePendingMerges(identity),
      listDatasets: (after, limit) => identityData.listDatasets(identity, after, limit),
      // A deleted identity is never created again, so all its datasets belong to the deletion.
      includes: () => true,
      removeRows: () => identityData.removeRows(identity),
    });
    return isEmpty && identityData.endDeletion(identity);
  };
}
