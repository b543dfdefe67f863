import {
  type CountedDataset,
  type DatasetVersion,
  exists,
  type Snapshot,
  type StoredDataset,
} from './ports/sync-store.ts';

/**
 * Computes the sync count and date of a dataset's next change. The count and the date increase with every change, even
 * if the clock is set back.
 */
export function nextVersion(version: DatasetVersion | null, now: number): DatasetVersion {
  return {
    syncCount: (version?.syncCount ?? 0) + 1,
    lastModifiedDate: Math.max(now, (version?.lastModifiedDate ?? 0) + 1),
  };
}

/** Computes the state of a dataset after its deletion. */
export function deletionOf(before: StoredDataset, by: string, now: number): CountedDataset {
  const version = nextVersion(before, now);
  return {
    ...before,
    ...version,
    deletedSyncCount: version.syncCount,
    lastModifiedBy: by,
    dataStorage: 0,
    numRecords: 0,
    rowCount: 0,
    keyBytes: 0,
  };
}

export type Size = Pick<CountedDataset, 'dataStorage' | 'numRecords' | 'rowCount' | 'keyBytes'>;

/** The size of a dataset that does not exist. */
export const EMPTY: Size = { dataStorage: 0, numRecords: 0, rowCount: 0, keyBytes: 0 };

/**
 * Computes the size of a dataset after the records in `written` are written. A tombstone counts in `rowCount` and
 * `keyBytes`, but not in `dataStorage` and `numRecords`.
 *
 * @param snapshot must include the stored record of every key in `written`, if there is one
 */
export function sizeAfter(
  { dataset, records }: Pick<Snapshot, 'dataset' | 'records'>,
  written: readonly { key: string; value: string | null }[],
): Size {
  let { dataStorage, numRecords, rowCount, keyBytes } = exists(dataset) ? dataset : EMPTY;
  for (const { key, value } of written) {
    const bytesOfKey = Buffer.byteLength(key);
    const stored = records.get(key);
    if (stored === undefined) {
      rowCount += 1;
      keyBytes += bytesOfKey;
    } else if (stored.valueBytes !== null) {
      dataStorage -= bytesOfKey + stored.valueBytes;
      numRecords -= 1;
    }
    if (value !== null) {
      dataStorage += bytesOfKey + Buffer.byteLength(value);
      numRecords += 1;
    }
  }
  return { dataStorage, numRecords, rowCount, keyBytes };
}
