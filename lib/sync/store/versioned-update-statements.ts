// Statements that update a dataset whose version the caller knows, without reading the dataset first.

import {
  addUsage,
  markWritten,
  OUTCOME,
  putEvent,
  putPayload,
  spendSession,
  writeRecords,
} from './dataset-write-parts.ts';
import { isIdentityDeleted } from './sync-statements.ts';

/** A dataset that was updated from its version. `added_…`: by how much a size grew with the update. */
export interface VersionedRow {
  row_count: number;
  key_bytes: number;
  added_rows: number;
  added_key_bytes: number;
  added_storage: number;
}

/**
 * Compares the patches with their stored rows: by how much the sizes of the dataset change, and whether one of the
 * patches needs another decision. Such a patch is stale, is above the dataset's count, or removes a key that has no
 * row. These are the rules of `checkCounts` and `sizeAfter`. The last condition compares the difference of the counts
 * for the reason that READ_SNAPSHOT explains.
 */
const DIFFERENCE = `(
  SELECT
    count(*) FILTER (WHERE held.record_id IS NULL) AS row_count,
    coalesce(sum(octet_length(patch.record_key)) FILTER (WHERE held.record_id IS NULL), 0) AS key_bytes,
    count(patch.record_value) - count(held.value_bytes) AS record_count,
    coalesce(sum(octet_length(patch.record_key) + octet_length(patch.record_value)), 0)
      - coalesce(sum(octet_length(patch.record_key) + held.value_bytes), 0) AS data_storage,
    bool_or(patch.sync_count NOT BETWEEN coalesce(held.sync_count, 0) AND $5::bigint - 1
      OR (patch.record_value IS NULL AND held.record_id IS NULL)) AS is_undecided
  FROM unnest($14::bigint[], $16::uuid[], $17::text[], $18::text[])
    AS patch (sync_count, record_id, record_key, record_value)
  LEFT JOIN (
    SELECT records.record_id, records.sync_count, octet_length(records.record_value) AS value_bytes
    FROM sync.datasets
    JOIN sync.records ON records.dataset_id = datasets.dataset_id
    WHERE datasets.dataset_id = $1::uuid
      AND records.record_id = ANY ($16::uuid[])
      AND records.sync_count - datasets.deleted_sync_count > 0
  ) AS held ON held.record_id = patch.record_id
)`;

/**
 * Updates the dataset's row. Returns a row if the dataset exists at the expected version ($5 - 1, $6), every patch can
 * be applied, and no limit is exceeded ($10 to $13; the rules of `checkLimits`). The write locks the dataset's row. Of
 * two updates from the same version, the second one waits for the first, finds another version, and writes nothing. So
 * the rows that DIFFERENCE has read are those of the expected version. Only the copy of a migration changes rows
 * without changing the version, and only before the identity is taken over, when no update reaches this statement.
 *
 * $1 to $4: the dataset; $5, $8, $9: its new count, its new date and who changes it; $7: the hash of the identity's id;
 * $14: the counts of the patches; $15: whether the pool may have a sync trigger; from $16: the columns of the records.
 * A session cannot have been used at the version that its token holds, because the update that used it has increased
 * the count.
 */
export const UPDATE_AT_VERSION = `
UPDATE sync.datasets AS stored
SET
  sync_count = $5::bigint,
  last_modified_ms = $8::bigint,
  last_modified_by = $9::text,
  data_storage = stored.data_storage + difference.data_storage,
  record_count = stored.record_count + difference.record_count,
  row_count = stored.row_count + difference.row_count,
  key_bytes = stored.key_bytes + difference.key_bytes,
  counted_sync_count = $5::bigint
FROM sync.identity_pools AS pools, ${DIFFERENCE} AS difference
WHERE stored.dataset_id = $1::uuid
  AND stored.identity_pool_id = $2::text AND stored.identity_id = $3::text AND stored.dataset_name = $4::text
  AND stored.sync_count = $5::bigint - 1 AND stored.last_modified_ms = $6::bigint
  AND stored.sync_count > stored.deleted_sync_count AND stored.counted_sync_count = stored.sync_count
  AND pools.identity_pool_id = $2::text AND pools.deleted_ms IS NULL
  AND ($15::boolean OR pools.sync_trigger IS NULL)
  AND NOT ${isIdentityDeleted('$7')}
  AND NOT difference.is_undecided
  AND stored.record_count + difference.record_count <= greatest($10::bigint, stored.record_count)
  AND stored.data_storage + difference.data_storage <= greatest($11::bigint, stored.data_storage)
  AND (difference.row_count = 0 OR (
    stored.row_count + difference.row_count <= $12::bigint
    AND stored.key_bytes + difference.key_bytes <= $13::bigint))
RETURNING
  stored.dataset_id, stored.row_count, stored.key_bytes,
  difference.row_count AS added_rows, difference.key_bytes AS added_key_bytes,
  difference.data_storage AS added_storage,
  pools.stream_name, pools.streaming_status, pools.bridges`;

const writeAtVersion = (payload = '') => `
WITH written AS (${UPDATE_AT_VERSION}
), usage AS (${addUsage('SELECT $2::text, left(dataset_id::text, 2), added_storage, $8::bigint FROM written')}
), ${putEvent(20, 'FROM written AS pools WHERE')}, ${markWritten('FROM written WHERE bridges')}${payload}, ${spendSession(23)},
${writeRecords(16)}
SELECT ${OUTCOME}, row_count, key_bytes, added_rows, added_key_bytes, added_storage
FROM written`;

/**
 * Does what UPDATE_AT_VERSION does, and writes the rest of the update. From $20: the parameters of the event and of the
 * session.
 */
export const WRITE_AT_VERSION = writeAtVersion();

/** Does what WRITE_AT_VERSION does. The event holds a URL in place of its records. From $25: its payload. */
export const WRITE_OFFLOADED_AT_VERSION = writeAtVersion(`, ${putPayload(25)}`);
