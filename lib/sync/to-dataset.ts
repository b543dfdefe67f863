import type { Dataset } from './model.ts';
import type { StoredDataset } from './ports/sync-store.ts';

/** The dataset as the API shows it. */
export function toDataset(identityId: string, stored: StoredDataset): Dataset {
  return {
    IdentityId: identityId,
    DatasetName: stored.datasetName,
    CreationDate: stored.creationDate,
    LastModifiedDate: stored.lastModifiedDate,
    LastModifiedBy: stored.lastModifiedBy,
    DataStorage: stored.dataStorage,
    NumRecords: stored.numRecords,
  };
}
