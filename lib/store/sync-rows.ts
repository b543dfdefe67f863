import type { SyncRecord } from '../sync/model.ts';
import type { ListedDataset, StoredDataset } from '../sync/sync-store-port.ts';
import type { DatasetRow, ListedRow, Nullable } from './sync-statements.ts';

export function toRecord(row: ListedRow): SyncRecord {
  return {
    Key: row.record_key,
    Value: row.record_value,
    SyncCount: row.record_sync_count,
    LastModifiedDate: row.record_modified_ms,
    LastModifiedBy: row.record_modified_by,
    DeviceLastModifiedDate: row.device_last_modified_ms,
  };
}

export function toDatasetOrNull(row: Nullable<DatasetRow>): StoredDataset | null {
  return isDatasetRow(row) ? toStoredDataset(row) : null;
}

function isDatasetRow(row: Nullable<DatasetRow>): row is DatasetRow {
  return row.dataset_name !== null;
}

export function toStoredDataset(row: DatasetRow): StoredDataset {
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

/** Null where the listing is of a dataset that never was. */
export function toListedDataset({
  sync_count,
  deleted_sync_count,
  last_modified_by,
}: ListedRow): ListedDataset | null {
  if (sync_count === null || deleted_sync_count === null || last_modified_by === null) return null;
  return { syncCount: sync_count, deletedSyncCount: deleted_sync_count, lastModifiedBy: last_modified_by };
}
