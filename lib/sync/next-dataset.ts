import { exists, type Snapshot, type StoredDataset } from './ports/sync-store.ts';

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

export type Size = Pick<StoredDataset, 'dataStorage' | 'numRecords'>;

/**
 * The size of a dataset once these records are written into it. Tombstones count for nothing, neither as records nor in
 * bytes.
 *
 * @param snapshot with each of the records looked at
 */
export function sizeAfter(
  { dataset, records }: Pick<Snapshot, 'dataset' | 'records'>,
  written: readonly { key: string; value: string | null }[],
): Size {
  let { dataStorage, numRecords } = exists(dataset) ? dataset : { dataStorage: 0, numRecords: 0 };
  for (const { key, value } of written) {
    const keyBytes = Buffer.byteLength(key);
    const valueBytes = records.get(key)?.valueBytes ?? null;
    if (valueBytes !== null) {
      dataStorage -= keyBytes + valueBytes;
      numRecords -= 1;
    }
    if (value !== null) {
      dataStorage += keyBytes + Buffer.byteLength(value);
      numRecords += 1;
    }
  }
  return { dataStorage, numRecords };
}
