import { nextVersion } from './next-version.ts';
import type { StoredDataset } from './ports/sync-store.ts';

/** What is left of a dataset that is deleted. */
export function deletionOf(before: StoredDataset, by: string, now: number): StoredDataset {
  const version = nextVersion(before, now);
  return {
    ...before,
    ...version,
    deletedSyncCount: version.syncCount,
    lastModifiedBy: by,
    dataStorage: 0,
    numRecords: 0,
  };
}
