// Statements that write the replica of a dataset at another service. Each is plain: none changes data in a WITH, so that
// Aurora DSQL can run them.

import { RECORD_BYTES } from '../../../database/within-bytes.ts';
import { insertRecords } from '../dataset-write-parts.ts';
import { eraseRecords } from '../dataset-write-statements.ts';

export interface ReplicaRow {
  sync_count: number;
  deleted_sync_count: number;
  creation_ms: number;
  last_modified_ms: number;
  last_modified_by: string;
  removed_ms: number | null;
  data_storage: number;
}

export const LOCK_REPLICA = `
SELECT sync_count, deleted_sync_count, creation_ms, last_modified_ms, last_modified_by, removed_ms, data_storage
FROM sync.datasets
WHERE dataset_id = $1
FOR UPDATE`;

export interface ReplicaRecordRow {
  record_key: string;
  sync_count: number;
  last_modified_ms: number;
  last_modified_by: string;
  device_last_modified_ms: number | null;
  is_live: boolean;
  row_bytes: number;
}

const READ_ROWS = `
SELECT record_key, sync_count, last_modified_ms, last_modified_by, device_last_modified_ms,
  record_value IS NOT NULL AS is_live, ${RECORD_BYTES}
FROM sync.records
WHERE dataset_id = $1`;

/** All rows of the dataset $1, or those with the ids $2. */
export const READ_ALL_ROWS = READ_ROWS;
export const READ_SOME_ROWS = `${READ_ROWS} AND record_id = ANY ($2::uuid[])`;

/** Writes rows of the dataset $1. The transaction holds the dataset's lock, and has compared the versions. */
export const WRITE_ROWS = insertRecords(`
SELECT $1::uuid, record.*
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[]) AS record`);

/**
 * Erases some rows of the dataset $1 at or below the version ($2, $3), which is that of a removal of the dataset.
 * Repeat the statement until it erases no row.
 */
export const ERASE_COVERED = eraseRecords(
  'dataset_id = $1 AND (last_modified_ms, sync_count) <= ($2::bigint, $3::bigint)',
);

/**
 * Maximum rows of `ERASE_SOME_ROWS`. With 2,500 written rows, a transaction stays below the 3,000 rows that Aurora DSQL
 * allows.
 */
export const ERASED_ROWS = 200;

/** Erases the rows $2 of the dataset $1. */
export const ERASE_SOME_ROWS =
  'DELETE FROM sync.records WHERE dataset_id = $1 AND record_id = ANY ($2::uuid[])';

export interface SizeRow {
  record_count: number;
  data_storage: number;
  row_count: number;
  key_bytes: number;
}

/** Counts the rows of the dataset $1 with a count above $2, the count of the dataset's last deletion. */
export const READ_SIZE = `
SELECT
  count(record_value) AS record_count,
  coalesce(sum(octet_length(record_key) + octet_length(record_value)), 0)::bigint AS data_storage,
  count(*) AS row_count,
  coalesce(sum(octet_length(record_key)), 0)::bigint AS key_bytes
FROM sync.records
WHERE dataset_id = $1 AND sync_count > $2::bigint`;

export const WRITE_REPLICA = `
INSERT INTO sync.datasets (
  dataset_id, identity_pool_id, identity_id, dataset_name, sync_count, deleted_sync_count, creation_ms,
  last_modified_ms, last_modified_by, removed_ms, data_storage, record_count, row_count, key_bytes, counted_sync_count)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $5)
ON CONFLICT (dataset_id) DO UPDATE SET
  sync_count = excluded.sync_count,
  deleted_sync_count = excluded.deleted_sync_count,
  creation_ms = excluded.creation_ms,
  last_modified_ms = excluded.last_modified_ms,
  last_modified_by = excluded.last_modified_by,
  removed_ms = excluded.removed_ms,
  data_storage = excluded.data_storage,
  record_count = excluded.record_count,
  row_count = excluded.row_count,
  key_bytes = excluded.key_bytes,
  counted_sync_count = excluded.counted_sync_count`;

/** Adds $3 bytes to the storage of the pool $1, in the slot of the dataset $2. */
export const ADD_USAGE = `
INSERT INTO sync.pool_usage AS sums (identity_pool_id, slot, data_storage, last_modified_ms)
VALUES ($1, left($2::text, 2), $3::bigint, $4::bigint)
ON CONFLICT (identity_pool_id, slot) DO UPDATE SET
  data_storage = sums.data_storage + excluded.data_storage,
  last_modified_ms = greatest(sums.last_modified_ms, excluded.last_modified_ms)`;

/** Marks the datasets $2 as copies that a merge made of the dataset $1. */
export const MARK_COPIES = `
INSERT INTO sync.merged_datasets (dataset_id, root_dataset_id)
SELECT copy.dataset_id, $1::uuid FROM unnest($2::uuid[]) AS copy (dataset_id)
ON CONFLICT (dataset_id) DO UPDATE SET root_dataset_id = excluded.root_dataset_id`;

export const FORGET_REPLICA_COPY = 'DELETE FROM sync.merged_datasets WHERE dataset_id = $1';

export interface ReplicaValueRow extends ReplicaRecordRow {
  record_value: string | null;
}

/** Reads all rows of the dataset $1 with a count above that of its last deletion, $2. */
export const READ_VALUES = `
SELECT record_key, record_value, sync_count, last_modified_ms, last_modified_by, device_last_modified_ms,
  record_value IS NOT NULL AS is_live
FROM sync.records
WHERE dataset_id = $1 AND sync_count > $2::bigint`;

export const IS_SUBSCRIBED =
  'SELECT EXISTS (SELECT 1 FROM sync.subscriptions WHERE dataset_id = $1) AS subscribed';
