import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import { RECORD_BYTES, withinBytes } from '../../database/within-bytes.ts';
import { LOCKED_WRITE_TIME, UNLOCKED_WRITE_TIME } from './write-time.ts';

// Maximum number of values that one statement erases. `withinBytes` also limits their bytes. Aurora DSQL changes at most
// 3,000 rows in a transaction. A removed dataset has up to 1,024 records.
const ERASE_ROWS = 2_500;

// Selects the values that are not newer than the removal of their dataset. The condition on the dataset ids occurs
// twice, so that no query plan reads the records of other datasets.
const COVERED = `
FROM projection.datasets JOIN projection.records ON records.dataset_id = datasets.dataset_id
WHERE datasets.dataset_id = ANY ($1::uuid[]) AND records.dataset_id = ANY ($1::uuid[])
  AND (records.last_modified_ms, records.sync_count) <= (datasets.removed_ms, datasets.removed_sync_count)
  AND records.record_value IS NOT NULL`;

// This statement is an upsert although the rows exist. An upsert locks rows in the order of its SELECT, which is the
// order that all writers use. An UPDATE locks rows in no defined order and would eventually deadlock with other writers.
// If another transaction writes a row in the meantime, the upsert checks the row's new version before it changes the
// row.
const eraseCoveredAt = (writeTime: string) => `
INSERT INTO projection.records AS stored (
  dataset_id, record_id, record_key, record_value, numeric_value,
  last_modified_ms, sync_count, device_last_modified_ms, projected_at)
SELECT records.dataset_id, records.record_id, records.record_key, NULL, NULL,
  datasets.removed_ms, datasets.removed_sync_count, records.device_last_modified_ms, records.projected_at
${COVERED}
  AND (records.dataset_id, records.record_id) IN (${withinBytes(
    'dataset_id, record_id',
    `SELECT records.dataset_id, records.record_id, ${RECORD_BYTES}${COVERED}
    ORDER BY records.dataset_id, records.record_id LIMIT ${ERASE_ROWS}`,
  )})
ORDER BY records.dataset_id, records.record_id
ON CONFLICT (dataset_id, record_id) DO UPDATE SET
  record_value = NULL, numeric_value = NULL, projected_at = ${writeTime}
WHERE (stored.last_modified_ms, stored.sync_count) <= (excluded.last_modified_ms, excluded.sync_count)
  AND stored.record_value IS NOT NULL
RETURNING stored.dataset_id`;

const ERASE_COVERED = eraseCoveredAt(LOCKED_WRITE_TIME);
const ERASE_COVERED_ON_DSQL = eraseCoveredAt(UNLOCKED_WRITE_TIME);

/**
 * Erases the values of records that the removal of their dataset covers, that is, records that are not newer than the
 * removal. Their rows stay as tombstones. Reads all records of the given datasets.
 *
 * @param datasetIds in any order
 * @returns the number of erased values
 */
export async function eraseCovered(database: Database, datasetIds: readonly string[]): Promise<number> {
  const sql = database.dialect === 'dsql' ? ERASE_COVERED_ON_DSQL : ERASE_COVERED;
  let erased = 0;
  for (let remaining = datasetIds; remaining.length > 0; ) {
    const { rows } = await database.query<{ dataset_id: string }>(sql, [plainArray(remaining)]);
    erased += rows.length;
    if (rows.length === 0) break;
    // Rows are erased in the order of their ids, so the datasets before the last one are finished.
    const last = rows.reduce((highest, { dataset_id: id }) => (id > highest ? id : highest), '');
    remaining = remaining.filter((id) => id >= last);
  }
  return erased;
}
