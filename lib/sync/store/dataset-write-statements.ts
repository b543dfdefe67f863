// Statements that write datasets and records. Each statement is one round trip. Outside of a transaction, it is its own
// transaction.

import { RECORD_BYTES, withinBytes } from '../../database/within-bytes.ts';
import { writeParts } from './payload-parts.ts';
import { isIdentityDeleted } from './sync-statements.ts';

const DATASET_ROW = `
INSERT INTO sync.datasets AS stored (
  dataset_id, identity_pool_id, identity_id, dataset_name, sync_count, deleted_sync_count, creation_ms,
  last_modified_ms, last_modified_by, data_storage, record_count, row_count, key_bytes, counted_sync_count)
SELECT
  $1::uuid, $2::text, $3::text, $4::text, $5::bigint, $6::bigint, $7::bigint,
  $8::bigint, $9::text, $10::bigint, $11::bigint, $12::bigint, $13::bigint, $5::bigint`;

/** Does what `putDataset` does if no row of the dataset was read. */
export const insertDataset = (condition = '') => `${DATASET_ROW}
WHERE $5::bigint = 1 AND $14::bigint IS NULL${condition}
ON CONFLICT (dataset_id) DO NOTHING`;

/** Does what `putDataset` does if a row of the dataset was read. */
export const updateDataset = (condition = '') => `
UPDATE sync.datasets AS stored
SET
  sync_count = $5::bigint,
  deleted_sync_count = $6::bigint,
  creation_ms = $7::bigint,
  removed_ms = CASE WHEN stored.deleted_sync_count = $6::bigint THEN stored.removed_ms END,
  last_modified_ms = $8::bigint,
  last_modified_by = $9::text,
  data_storage = $10::bigint,
  record_count = $11::bigint,
  row_count = $12::bigint,
  key_bytes = $13::bigint,
  counted_sync_count = $5::bigint
WHERE stored.dataset_id = $1::uuid
  AND stored.identity_pool_id = $2::text AND stored.identity_id = $3::text AND stored.dataset_name = $4::text
  AND stored.sync_count = $5::bigint - 1 AND stored.last_modified_ms = $14::bigint${condition}`;

/**
 * Writes the dataset if its count and its date ($14) are unchanged. The write locks the dataset's row. If two changes
 * were decided from the same count, the second change waits for the first change, finds a different count and writes
 * nothing. On Aurora DSQL, which has no locks, the second change fails.
 *
 * Nothing is written if the dataset's row has been removed since it was read, because only the first change of a
 * dataset may create its row. Nothing is written either if the dataset was restored from a backup and reached the same
 * count through other changes, because its date is then different.
 */
const putDataset = (condition = '') => `${DATASET_ROW}
WHERE ($5::bigint = 1 OR EXISTS (SELECT 1 FROM sync.datasets WHERE dataset_id = $1::uuid))${condition}
ON CONFLICT (dataset_id) DO UPDATE SET
  sync_count = excluded.sync_count,
  deleted_sync_count = excluded.deleted_sync_count,
  creation_ms = excluded.creation_ms,
  removed_ms = CASE WHEN stored.deleted_sync_count = excluded.deleted_sync_count THEN stored.removed_ms END,
  last_modified_ms = excluded.last_modified_ms,
  last_modified_by = excluded.last_modified_by,
  data_storage = excluded.data_storage,
  record_count = excluded.record_count,
  row_count = excluded.row_count,
  key_bytes = excluded.key_bytes,
  counted_sync_count = excluded.counted_sync_count
WHERE stored.sync_count = excluded.sync_count - 1 AND stored.last_modified_ms = $14::bigint`;

/** Adds to the usage of a pool: the pool, the slot, the bytes and the date in `values`. */
export const addUsage = (values: string) => `
INSERT INTO sync.pool_usage AS sums (identity_pool_id, slot, data_storage, last_modified_ms)
${values}
ON CONFLICT (identity_pool_id, slot) DO UPDATE SET
  data_storage = sums.data_storage + excluded.data_storage,
  last_modified_ms = greatest(sums.last_modified_ms, excluded.last_modified_ms)`;

/**
 * The start of a statement that writes a dataset, as `putDataset` does. If the dataset is not written, the rest of the
 * statement writes nothing either. $15: the bytes by which the change increases the storage of the pool.
 */
const writeDataset = (condition = '') => `
WITH written AS (${putDataset(condition)}
  RETURNING stored.dataset_id
), usage AS (${addUsage('SELECT $2::text, left(dataset_id::text, 2), $15::bigint, $8::bigint FROM written')}
)`;

export const WRITE_DATASET = writeDataset();

/**
 * Writes the event if streaming is enabled for the pool at this moment, for the pool's current stream. Events are also
 * written for a pool that is marked as deleted, while its data is being removed.
 */
const PUT_EVENT = `, event AS (
  INSERT INTO sync.outbox (outbox_id, partition_key, event, event_bytes, created_at, attempts, stream_name)
  SELECT $16::uuid, $17::text, $18::text, octet_length($18::text), now(), 0, pools.stream_name
  FROM written, sync.identity_pools AS pools
  WHERE pools.identity_pool_id = $2::text AND pools.streaming_status = 'ENABLED'
  RETURNING outbox_id
)`;

/**
 * Returns the statement that marks datasets as changed since the bridge to the origin of a migration last read them. Each
 * change replaces the mark, so the bridge notices a change that is made while it reads.
 *
 * @param select a SELECT that returns the columns of the marks
 */
export const markDatasets = (select: string) => `
INSERT INTO sync.unbridged_datasets AS marks (
  dataset_id, identity_pool_id, identity_id, dataset_name, mark_id, next_ms, attempts)
${select}
ON CONFLICT (dataset_id) DO UPDATE SET
  mark_id = excluded.mark_id,
  next_ms = least(marks.next_ms, excluded.next_ms)`;

/** The last columns of a new mark. */
export const NEW_MARK = 'gen_random_uuid(), (extract(epoch FROM now()) * 1000)::bigint, 0';

/** Whether the changes of a pool are bridged. What is removed because the pool was deleted must stay at the origin. */
export const IS_BRIDGED = 'bridges AND deleted_ms IS NULL';

/** Marks the written dataset if its pool is bridged. */
export const MARK_WRITTEN = `, mark AS (${markDatasets(`
  SELECT written.dataset_id, $2::text, $3::text, $4::text, ${NEW_MARK}
  FROM written, sync.identity_pools AS pools
  WHERE pools.identity_pool_id = $2::text AND ${IS_BRIDGED}`)}
)`;

export interface WrittenRow {
  /** Null if streaming is disabled for the pool. */
  outbox_id: string | null;
  /** Whether any device subscribes to the dataset. */
  subscribed: boolean;
  /** Number of records erased. */
  erased: number;
}

/** Writes the records that `select` returns. */
export const insertRecords = (select: string) => `
INSERT INTO sync.records (
  dataset_id, record_id, record_key, record_value, device_last_modified_ms,
  sync_count, last_modified_ms, last_modified_by)
${select}
ON CONFLICT (dataset_id, record_id) DO UPDATE SET
  record_value = excluded.record_value,
  device_last_modified_ms = excluded.device_last_modified_ms,
  sync_count = excluded.sync_count,
  last_modified_ms = excluded.last_modified_ms,
  last_modified_by = excluded.last_modified_by`;

/** Writes records of the dataset. The columns of the records are the parameters from `first` on. */
export const writeRecords = (first: number) => `records AS (${insertRecords(`
  SELECT written.dataset_id, record.*, $5::bigint, $8::bigint, $9::text
  FROM written, unnest($${first}::uuid[], $${first + 1}::text[], $${first + 2}::text[], $${first + 3}::bigint[]) AS record`)}
)`;

/** The start of the statement that marks a dataset as a copy made by a merge. */
export const LIST_COPY = 'INSERT INTO sync.merged_datasets (dataset_id, root_dataset_id)';

/**
 * Deletes the row that marks the dataset as a copy made by a merge. A dataset that is created later with the same name
 * is not a copy.
 */
export const FORGET_COPY = `forgotten_copy AS (
  DELETE FROM sync.merged_datasets WHERE dataset_id IN (SELECT dataset_id FROM written)
)`;

const OUTCOME = `
  (SELECT outbox_id FROM event) AS outbox_id,
  EXISTS (SELECT 1 FROM sync.subscriptions WHERE dataset_id = $1) AS subscribed`;

const WRITE_DATASET_OF_CALLER = writeDataset(` AND NOT ${isIdentityDeleted('$26')}`);

const writeUpdate = (
  payload = '',
) => `${WRITE_DATASET_OF_CALLER}${PUT_EVENT}${MARK_WRITTEN}${payload}, spent AS (
  INSERT INTO sync.spent_tokens (dataset_id, expires_ms, session_id)
  SELECT dataset_id, $19::bigint, $20::uuid FROM written
), forgotten AS (
  DELETE FROM sync.spent_tokens WHERE dataset_id = $1 AND expires_ms < $21::bigint
), ${writeRecords(22)}
SELECT ${OUTCOME}, 0 AS erased FROM written`;

/**
 * Writes an update, unless the identity was deleted. Returns a row if the update was written. $19, $20: the session;
 * $21: used sessions that expired before this time are deleted; from $22: the columns of the records; $26: the hash of
 * the identity's id.
 */
export const WRITE_UPDATE = writeUpdate();

/**
 * Does what WRITE_UPDATE does. The event holds a URL in place of its records. $27, $28, $29: the id, the start of the
 * body and the expiry of the event's payload; $30: the id of the identity's row; from $31: the columns of the other parts
 * of the body.
 */
export const WRITE_OFFLOADED_UPDATE = writeUpdate(`, payload AS (
  INSERT INTO sync.payloads (payload_id, body, expires_ms, identity_row_id, outbox_id)
  SELECT $27::uuid, $28::text, $29::bigint, $30::uuid, outbox_id FROM event
), parts AS (${writeParts(31)}
WHERE EXISTS (SELECT 1 FROM event)
)`);

// Maximum records erased per statement. By default, a dataset has up to 16,384 rows, and Aurora DSQL changes at most
// 3,000 rows in a transaction.
export const ERASE_ROWS = 2_500;

/** Writes the deletion of a dataset. Returns a row if the deletion was written. */
export const WRITE_DELETION = `${WRITE_DATASET}${PUT_EVENT}${MARK_WRITTEN}, ${FORGET_COPY}, erased AS (
  DELETE FROM sync.records
  USING written
  WHERE records.dataset_id = written.dataset_id
    AND records.record_id IN (SELECT record_id FROM sync.records WHERE dataset_id = $1 LIMIT ${ERASE_ROWS})
  RETURNING 1
)
SELECT ${OUTCOME}, (SELECT count(*) FROM erased) AS erased FROM written`;

/**
 * Erases some records of a dataset. The condition is repeated outside of the subquery. To be repeated until no record is
 * left, because the bytes are limited too.
 */
export const eraseRecords = (condition: string) => `
DELETE FROM sync.records
WHERE ${condition}
  AND record_id IN (${withinBytes(
    'record_id',
    `SELECT record_id, ${RECORD_BYTES} FROM sync.records WHERE ${condition} LIMIT ${ERASE_ROWS}`,
  )})`;

/**
 * Erases records that the deletion of a dataset left behind. A record that is concurrently written again has a newer
 * count and is not erased.
 */
export const ERASE_DELETED = eraseRecords('dataset_id = $1 AND sync_count <= $2');

export const LOCK_DATASET = 'SELECT 1 FROM sync.datasets WHERE dataset_id = $1 FOR UPDATE';
