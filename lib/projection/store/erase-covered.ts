import type { Database } from '../../database/database.ts';

// A removed dataset has up to 1,024 records, and Aurora DSQL changes at most 3,000 rows in a transaction.
const ERASE_ROWS = 2_500;

// Upserts existing rows, because an upsert locks rows in the order of its SELECT, the order that all writers use. An
// UPDATE has no defined order and would eventually deadlock with other writers. If another transaction writes a row in
// the meantime, the upsert checks the row's new version before it changes the row.
const ERASE_COVERED = `
INSERT INTO projection.records AS stored (
  dataset_id, record_id, record_key, record_value, numeric_value,
  last_modified_ms, sync_count, device_last_modified_ms, projected_at)
SELECT records.dataset_id, records.record_id, records.record_key, NULL, NULL,
  datasets.removed_ms, datasets.removed_sync_count, records.device_last_modified_ms, records.projected_at
FROM projection.datasets JOIN projection.records ON records.dataset_id = datasets.dataset_id
WHERE datasets.dataset_id = $1
  AND (records.last_modified_ms, records.sync_count) <= (datasets.removed_ms, datasets.removed_sync_count)
  AND records.record_value IS NOT NULL
ORDER BY records.record_id
LIMIT ${ERASE_ROWS}
ON CONFLICT (dataset_id, record_id) DO UPDATE SET record_value = NULL, numeric_value = NULL
WHERE (stored.last_modified_ms, stored.sync_count) <= (excluded.last_modified_ms, excluded.sync_count)
  AND stored.record_value IS NOT NULL`;

/**
 * Erases the values of a dataset's records that the dataset's removal covers. Tombstones stay.
 *
 * @returns the number of erased values
 */
export async function eraseCovered(database: Database, datasetId: string): Promise<number> {
  let erased = 0;
  for (;;) {
    const { rowsChanged } = await database.query(ERASE_COVERED, [datasetId]);
    erased += rowsChanged;
    if (rowsChanged < ERASE_ROWS) return erased;
  }
}
