import type { DatasetKey } from '../../common/dataset-key.ts';
import { plainArray, textArray } from '../../database/array-literal.ts';
import type { SqlValue } from '../../database/database.ts';
import { datasetId, identityIdHash, recordId } from '../../database/row-ids.ts';
import type { SyncRecord } from '../model.ts';
import {
  type CountedDataset,
  exists,
  type ListedDataset,
  type StoredDataset,
  type VersionedUpdate,
} from '../ports/sync-store.ts';
import type {
  CountedDatasetRow,
  ListedDatasetRow,
  ListedRecordRow,
  Nullable,
  SyncDatasetRow,
} from './sync-statements.ts';

/** Converts a row of an outer join to its record. Returns null if the row holds a dataset without a record. */
export function toRecordOrNull(row: ListedRecordRow): SyncRecord | null {
  if (row.record_key === null) return null;
  return {
    Key: row.record_key,
    Value: row.record_value,
    SyncCount: row.record_sync_count,
    LastModifiedDate: row.record_modified_ms,
    LastModifiedBy: row.record_modified_by,
    DeviceLastModifiedDate: row.device_last_modified_ms,
  };
}

export function toDatasetOrNull(row: Nullable<CountedDatasetRow>): CountedDataset | null {
  if (!isDatasetRow(row)) return null;
  return { ...toStoredDataset(row), rowCount: row.row_count, keyBytes: row.key_bytes };
}

function isDatasetRow(row: Nullable<CountedDatasetRow>): row is CountedDatasetRow {
  return row.dataset_name !== null;
}

export function toStoredDataset(row: SyncDatasetRow): StoredDataset {
  return {
    datasetName: row.dataset_name,
    syncCount: row.sync_count,
    deletedSyncCount: row.deleted_sync_count,
    creationDate: row.creation_ms,
    lastModifiedDate: row.last_modified_ms,
    lastModifiedBy: row.last_modified_by,
    dataStorage: row.data_storage,
    numRecords: row.record_count,
  };
}

export function toListedDataset(row: ListedDatasetRow): ListedDataset {
  return {
    syncCount: row.sync_count,
    deletedSyncCount: row.deleted_sync_count,
    lastModifiedDate: row.last_modified_ms,
    lastModifiedBy: row.last_modified_by,
  };
}

/**
 * Returns the first values of the statements that write datasets, in the order of their parameters.
 * @param before the dataset from which the change was decided; null if there was none
 */
export function toDatasetValues(
  key: DatasetKey,
  stored: CountedDataset,
  before: StoredDataset | null,
): SqlValue[] {
  return [
    datasetId(key),
    key.identityPoolId,
    key.identityId,
    key.datasetName,
    stored.syncCount,
    stored.deletedSyncCount,
    stored.creationDate,
    stored.lastModifiedDate,
    stored.lastModifiedBy,
    stored.dataStorage,
    stored.numRecords,
    stored.rowCount,
    stored.keyBytes,
    before?.lastModifiedDate ?? null,
    storageOf(stored) - storageOf(before),
  ];
}

/**
 * Returns the values of UPDATE_AT_VERSION, and after them the last column of the records, which only WRITE_AT_VERSION
 * uses.
 */
export function toVersionedValues(
  key: DatasetKey,
  { version, next, records, patchCounts, limits, allowsTrigger }: VersionedUpdate,
): SqlValue[] {
  return [
    datasetId(key),
    key.identityPoolId,
    key.identityId,
    key.datasetName,
    next.syncCount,
    version.lastModifiedDate,
    identityIdHash(key.identityId),
    next.lastModifiedDate,
    next.lastModifiedBy,
    limits.recordsPerDataset,
    limits.datasetBytes,
    limits.rowsPerDataset,
    limits.keyBytesPerDataset,
    plainArray(patchCounts),
    allowsTrigger,
    ...toRecordColumns(records),
  ];
}

/** Returns the bytes that a dataset adds to the storage of its pool. */
function storageOf(dataset: StoredDataset | null): number {
  return exists(dataset) ? dataset.dataStorage : 0;
}

/** Returns the records to write as one array per column. */
export function toRecordColumns(records: readonly SyncRecord[]): SqlValue[] {
  return [
    plainArray(records.map((record) => recordId(record.Key))),
    textArray(records.map((record) => record.Key)),
    textArray(records.map((record) => record.Value)),
    plainArray(records.map((record) => record.DeviceLastModifiedDate)),
  ];
}
