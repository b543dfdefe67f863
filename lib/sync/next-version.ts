import type { Snapshot, StoredDataset } from './ports/sync-store.ts';

/** The dataset's date and count for its next change: both rise with every change, whatever the clock does. */
export function nextVersion(
  dataset: Snapshot['dataset'],
  now: number,
): Pick<StoredDataset, 'syncCount' | 'lastModifiedDate'> {
  return {
    syncCount: (dataset?.syncCount ?? 0) + 1,
    lastModifiedDate: Math.max(now, (dataset?.lastModifiedDate ?? 0) + 1),
  };
}
