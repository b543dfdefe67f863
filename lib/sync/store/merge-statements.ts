// Statements of merges of identities.

import { writeRecords } from './dataset-write-parts.ts';
import { FORGET_COPY, LIST_COPY, MARK_WRITTEN, WRITE_DATASET } from './dataset-write-statements.ts';
import { writeParts } from './payload-parts.ts';
import { DATASET, type ListedRecordRow, type SyncDatasetRow } from './sync-statements.ts';

export interface MergeSourceRow extends SyncDatasetRow, ListedRecordRow {
  is_copy: boolean;
}

/**
 * Reads the dataset to merge. Returns one row per record, including tombstones, or one row without a record if there is
 * none. Returns no row if the dataset does not exist.
 */
export const READ_MERGE_SOURCE = `
SELECT ${DATASET},
  EXISTS (SELECT 1 FROM sync.merged_datasets WHERE dataset_id = $1::uuid) AS is_copy,
  records.record_key, records.record_value, records.sync_count AS record_sync_count,
  records.last_modified_ms AS record_modified_ms, records.last_modified_by AS record_modified_by,
  records.device_last_modified_ms
FROM sync.datasets AS stored
LEFT JOIN sync.records ON records.dataset_id = stored.dataset_id
  AND records.sync_count > stored.deleted_sync_count
WHERE stored.dataset_id = $1::uuid AND stored.sync_count > stored.deleted_sync_count
ORDER BY records.sync_count, records.record_id`;

/**
 * Writes the copy. Returns a row if the copy was written. $16: the dataset whose listings name the copy; from $17: the
 * columns of the records.
 */
export const WRITE_COPY = `${WRITE_DATASET}${MARK_WRITTEN}, listed AS (
  ${LIST_COPY}
  SELECT dataset_id, $16::uuid FROM written
  ON CONFLICT (dataset_id) DO UPDATE SET root_dataset_id = excluded.root_dataset_id
), ${writeRecords(17)}
SELECT 1 FROM written`;

/**
 * Deletes the merged dataset. Returns a row if the deletion was written. The records of the deleted dataset are erased
 * later: together with the records of the copy, they could be more rows than Aurora DSQL allows in one transaction.
 */
export const WRITE_MERGED = `${WRITE_DATASET}${MARK_WRITTEN}, ${FORGET_COPY}
SELECT 1 FROM written`;

/**
 * Puts the events into the outbox if streaming is enabled for the pool ($1). Returns the ids of the written events; no
 * row if streaming is disabled. The other parameters are columns: ids, partition keys, events, and the starts of
 * the payloads with their ids, expiries and the ids of their identities' rows. The payload columns are null for an event
 * without a payload. From $9: the columns of the other parts of the payloads.
 */
export const PUT_CHANGES = `
WITH change AS (
  SELECT change.*, pools.stream_name
  FROM sync.identity_pools AS pools,
    unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::bigint[], $8::uuid[])
      AS change (outbox_id, partition_key, data, payload_id, body, expires_ms, identity_row_id)
  WHERE pools.identity_pool_id = $1 AND pools.streaming_status = 'ENABLED'
), payload AS (
  INSERT INTO sync.payloads (payload_id, body, expires_ms, identity_row_id, outbox_id)
  SELECT payload_id, body, expires_ms, identity_row_id, outbox_id FROM change WHERE payload_id IS NOT NULL
), parts AS (${writeParts(9)}
WHERE EXISTS (SELECT 1 FROM change)
)
INSERT INTO sync.outbox (outbox_id, partition_key, event, event_bytes, created_at, attempts, stream_name)
SELECT outbox_id, partition_key, data, octet_length(data), now(), 0, stream_name FROM change
RETURNING outbox_id`;

export interface PendingMergeRow {
  identity_pool_id: string;
  identity_id: string;
  into_identity_id: string;
  merged_ms: number;
}

export const LIST_PENDING = `
SELECT identity_pool_id, identity_id, into_identity_id, merged_ms
FROM sync.pending_merges
WHERE $1::uuid IS NULL OR identity_row_id > $1::uuid
ORDER BY identity_row_id
LIMIT $2::bigint`;

export const END_PENDING = `
DELETE FROM sync.pending_merges
WHERE identity_row_id = $1::uuid
  AND NOT EXISTS (
    SELECT 1 FROM sync.datasets
    WHERE identity_pool_id = $2 AND identity_id = $3 AND sync_count > deleted_sync_count)
  AND NOT EXISTS (
    SELECT 1 FROM sync.pending_merges AS others
    WHERE others.identity_pool_id = $2 AND others.into_identity_id = $3)`;
