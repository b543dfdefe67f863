// Statements that write datasets and records. Each statement is one round trip. Outside of a transaction, it is its own
// transaction.

import { RECORD_BYTES, withinBytes } from '../../database/within-bytes.ts';
import {
  addUsage,
  IS_BRIDGED,
  markWritten,
  OUTCOME,
  putEvent,
  putPayload,
  spendSession,
  writeRecords,
} from './dataset-write-parts.ts';
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
 * Writes the dataset if its count and its last-modified date are still those from which the change was decided: the
 * count $5 - 1 and the date $14. The write locks the dataset's row. If two changes were decided from the same count,
 * the second change waits for the first change, finds a different count and writes nothing. On Aurora DSQL, which has
 * no locks, the second change fails.
 *
 * Nothing is written if the dataset's row has been removed since it was read, because only the first change of a
 * dataset may create its row. Nothing is written either if the dataset was restored from a backup and reached the same
 * count through other changes, because its last-modified date is then different.
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

/** The written dataset and its pool. */
const WRITTEN_AND_POOL = `
  FROM written, sync.identity_pools AS pools
  WHERE pools.identity_pool_id = $2::text`;

/**
 * Writes the event if streaming is enabled for the pool at this moment, for the pool's current stream. Events are also
 * written for a pool that is marked as deleted, while its data is being removed.
 */
export const PUT_EVENT = `, ${putEvent(16, `${WRITTEN_AND_POOL} AND`)}`;

/** Marks the written dataset for the bridge, if changes of its pool are written to an origin. */
export const MARK_WRITTEN = `, ${markWritten(`${WRITTEN_AND_POOL} AND ${IS_BRIDGED}`)}`;

/** The start of the statement that marks a dataset as a copy made by a merge. */
export const LIST_COPY = 'INSERT INTO sync.merged_datasets (dataset_id, root_dataset_id)';

/**
 * Deletes the row that marks the dataset as a copy made by a merge. A dataset that is created later with the same name
 * is not a copy.
 */
export const FORGET_COPY = `forgotten_copy AS (
  DELETE FROM sync.merged_datasets WHERE dataset_id IN (SELECT dataset_id FROM written)
)`;

const WRITE_DATASET_OF_CALLER = writeDataset(` AND NOT ${isIdentityDeleted('$25')}`);

const writeUpdate = (
  payload = '',
) => `${WRITE_DATASET_OF_CALLER}${PUT_EVENT}${MARK_WRITTEN}${payload}, ${spendSession(19)}, ${writeRecords(21)}
SELECT ${OUTCOME}, 0 AS erased FROM written`;

/**
 * Writes an update, unless the identity was deleted. Returns a row if the update was written. $19, $20: the session;
 * from $21: the columns of the records; $25: the hash of the identity's id.
 */
export const WRITE_UPDATE = writeUpdate();

/** Does what WRITE_UPDATE does. The event holds a URL in place of its records. From $26: its payload. */
export const WRITE_OFFLOADED_UPDATE = writeUpdate(`, ${putPayload(26)}`);

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
