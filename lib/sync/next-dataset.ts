import { exists, type Snapshot, type StoredDataset } from './ports/sync-store.ts';

/**
 * Computes the count and date of a dataset's next change. Both increase with every change, regardless of the clock.
 */
export function nextVersion(
  dataset: Snapshot['dataset'],
  now: number,
): Pick<StoredDataset, 'syncCount' | 'lastModifiedDate'> {
  return {
    syncCount: (dataset?.syncCount ?? 0) + 1,
    lastModifiedDate: Math.max(now, (dataset?.lastModifiedDate ?? 0) + 1),
  };
}

/** Computes the state of a dataset after its deletion. */
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
 * Computes the size of a dataset after these records are written. Tombstones count neither as records nor in bytes.
 *
 * @param snapshot must include every stored record that is written
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
