// Statements of bulk publishes.

import type { ListedDatasetRow, ListedRecordRow } from './sync-statements.ts';

export interface BulkPublishRow {
  bulk_publish_id: string;
  status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED';
  started_ms: number;
  completed_ms: number | null;
  failure_message: string | null;
}

export const READ_LAST = `
SELECT bulk_publish_id, status, started_ms, completed_ms, failure_message
FROM sync.bulk_publishes
WHERE identity_pool_id = $1`;

/**
 * Serializes the start of a bulk publish with a concurrent change of the pool's streaming. If the change comes first,
 * the start uses the new stream. If the start comes first, the change ends the bulk publish. The pool's row is written,
 * not only locked, because Aurora DSQL has no locks: it is certain only that two transactions conflict if both write a
 * row.
 */
export const TOUCH_POOL = `
UPDATE sync.identity_pools SET revision = revision WHERE identity_pool_id = $1 AND deleted_ms IS NULL`;

/** Starts the first bulk publish of a pool. */
export const BEGIN_FIRST = `
INSERT INTO sync.bulk_publishes (identity_pool_id, bulk_publish_id, status, started_ms, all_in_outbox)
VALUES ($1, $2::uuid, 'IN_PROGRESS', $3::bigint, false)
ON CONFLICT (identity_pool_id) DO NOTHING`;

/**
 * Starts a bulk publish. It replaces the pool's previous bulk publish, whose id must be $4. If two calls start a bulk
 * publish concurrently, the second call finds a different id and starts nothing.
 */
export const BEGIN_NEXT = `
UPDATE sync.bulk_publishes
SET
  bulk_publish_id = $2::uuid,
  status = 'IN_PROGRESS',
  started_ms = $3::bigint,
  completed_ms = NULL,
  failure_message = NULL,
  last_identity_id = NULL,
  last_dataset_name = NULL,
  waiting_ids = NULL,
  part_position = NULL,
  all_in_outbox = false
WHERE identity_pool_id = $1 AND bulk_publish_id = $4::uuid`;

export const LIST_IN_PROGRESS = `
SELECT identity_pool_id FROM sync.bulk_publishes WHERE status = 'IN_PROGRESS' ORDER BY started_ms`;

export interface LockedRow {
  bulk_publish_id: string;
  last_identity_id: string | null;
  last_dataset_name: string | null;
  /** The ids of the events that waited in the outbox after the last step, as an array literal. */
  waiting_ids: string | null;
  /** The position in the dataset that follows the last dataset: see `readPosition`. */
  part_position: string | null;
  all_in_outbox: boolean;
}

/** Serializes concurrent runs of a bulk publish. A run that had to wait reads the row as the previous run left it. */
export const LOCK = `
SELECT bulk_publish_id, last_identity_id, last_dataset_name, waiting_ids, part_position, all_in_outbox
FROM sync.bulk_publishes
WHERE identity_pool_id = $1 AND status = 'IN_PROGRESS'
FOR UPDATE`;

export interface OutstandingRow {
  waiting: number;
  parked: number;
}

/**
 * Returns which of the events $1 still wait in the outbox. Reads only these rows, by primary key. The index on
 * bulk_publish_id would still contain every event that was published since the last vacuum: after 100,000 events,
 * reading that index would take longer than the rest of the step.
 */
export const STILL_WAITING = `
SELECT outbox_id FROM sync.outbox WHERE outbox_id = ANY ($1::uuid[]) AND parked_reason IS NULL`;

export const COUNT_OUTSTANDING = `
SELECT count(*) - count(parked_reason) AS waiting, count(parked_reason) AS parked
FROM sync.outbox
WHERE bulk_publish_id = $1`;

export interface WholeRow extends ListedDatasetRow, ListedRecordRow {
  dataset_id: string;
  record_id: string | null;
  identity_id: string;
  dataset_name: string;
  last_modified_ms: number;
}

// Maximum bytes of the datasets that one step reads. The events that it writes have a limit of their own, because a byte
// of a record takes up to six bytes in an event.
const MAX_READ_BYTES = 4 * 1024 * 1024;
/** Bytes that a record adds to an event besides its key and value: names of members, counts and dates. */
const ROW_BYTES = 180;

/**
 * Reads at most $4 datasets that follow the cursor ($2, $3), with all their records. Of the dataset $5, reads only the
 * records after the position ($6, $7). A record that has changed since the position was saved is after the position,
 * because its count is newer. One statement reads them at one point in time. Datasets are in the order of the index.
 * Any fixed order works, because the same database writes and reads the cursor.
 */
export const READ_NEXT = `
SELECT stored.dataset_id, stored.identity_id, stored.dataset_name, stored.last_modified_ms,
  stored.sync_count, stored.deleted_sync_count, stored.last_modified_by,
  records.record_id, records.record_key, records.record_value, records.sync_count AS record_sync_count,
  records.last_modified_ms AS record_modified_ms, records.last_modified_by AS record_modified_by,
  records.device_last_modified_ms
FROM (
  SELECT next.*,
    row_number() OVER in_order AS place,
    sum(next.data_storage + coalesce(next.key_bytes, 0) + ${ROW_BYTES} * coalesce(next.row_count, next.record_count))
      OVER in_order AS bytes
  FROM (
    SELECT * FROM sync.datasets
    WHERE identity_pool_id = $1 AND (identity_id, dataset_name) > ($2, $3) AND sync_count > deleted_sync_count
    ORDER BY identity_id, dataset_name
    LIMIT $4::bigint
  ) AS next
  WINDOW in_order AS (ORDER BY next.identity_id, next.dataset_name)
) AS stored
LEFT JOIN sync.records ON records.dataset_id = stored.dataset_id AND records.sync_count > stored.deleted_sync_count
  AND (stored.dataset_id IS DISTINCT FROM $5::uuid OR (records.sync_count, records.record_id) > ($6::bigint, $7::uuid))
WHERE stored.place = 1 OR stored.bytes <= ${MAX_READ_BYTES}
ORDER BY stored.place, records.sync_count, records.record_id`;

/** Puts events into the outbox. $1: the bulk publish; $2: the stream; from $3: ids, partition keys and events. */
export const PUT_EVENTS = `
INSERT INTO sync.outbox (
  outbox_id, partition_key, event, event_bytes, created_at, attempts, stream_name, bulk_publish_id)
SELECT event.outbox_id, event.partition_key, event.data, octet_length(event.data), now(), 0, $2::text, $1::uuid
FROM unnest($3::uuid[], $4::text[], $5::text[]) AS event (outbox_id, partition_key, data)`;

export const MOVE_CURSOR = `
UPDATE sync.bulk_publishes
SET last_identity_id = $2, last_dataset_name = $3, waiting_ids = $4, part_position = $5
WHERE identity_pool_id = $1`;

export const ALL_IN_OUTBOX = `
UPDATE sync.bulk_publishes SET all_in_outbox = true WHERE identity_pool_id = $1`;

export const END = `
UPDATE sync.bulk_publishes
SET status = $2, completed_ms = $3, failure_message = $4
WHERE identity_pool_id = $1`;

/** Marks the pool's bulk publish in progress as failed. Changes nothing if no bulk publish is in progress. */
export const FAIL_IN_PROGRESS = `
UPDATE sync.bulk_publishes
SET status = 'FAILED', completed_ms = (extract(epoch FROM now()) * 1000)::bigint, failure_message = $2
WHERE identity_pool_id = $1 AND status = 'IN_PROGRESS'`;
