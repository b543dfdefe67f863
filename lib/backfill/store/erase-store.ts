import type { IdentityKey } from '../../common/dataset-key.ts';
import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';
import { RECORD_BYTES, withinBytes } from '../../database/within-bytes.ts';
import type { EraseStore } from '../ports/erase-store.ts';

// Aurora DSQL allows at most 3,000 changed rows per transaction.
const ERASE_ROWS = 2_500;
/**
 * Maximum number of passes over the data of an identity. A device that keeps writing must not make the erasure endless.
 */
const PASSES = 50;

const MARK_ERASED = `
INSERT INTO projection.erased_identities AS stored (identity_row_id, erased_ms)
SELECT identity_row_id, $2::bigint FROM unnest($1::uuid[]) AS given (identity_row_id)
ON CONFLICT (identity_row_id) DO UPDATE SET erased_ms = excluded.erased_ms
WHERE $3::boolean`;

const READ_ERASED_AT = 'SELECT erased_ms FROM projection.erased_identities WHERE identity_row_id = $1';

const COUNT_DATASETS = `
SELECT count(DISTINCT datasets.dataset_id) AS datasets, count(records.dataset_id) AS records
FROM projection.datasets
LEFT JOIN projection.records ON records.dataset_id = datasets.dataset_id
WHERE datasets.identity_pool_id = $1 AND datasets.identity_id = $2`;

// A DELETE locks rows in no particular order. If a DELETE deadlocks with the projection, the server rolls back one of
// the two transactions, and `Database` retries that transaction.
const ERASE_RECORDS = `
DELETE FROM projection.records
WHERE (dataset_id, record_id) IN (${withinBytes(
  'dataset_id, record_id',
  `
  SELECT records.dataset_id, records.record_id, ${RECORD_BYTES}
  FROM projection.datasets JOIN projection.records ON records.dataset_id = datasets.dataset_id
  WHERE datasets.identity_pool_id = $1 AND datasets.identity_id = $2
  LIMIT ${ERASE_ROWS}`,
)})`;

// Erases only datasets without records. If a record remained without its dataset, it would be unknown which identity
// the record belongs to.
const ERASE_DATASETS = `
DELETE FROM projection.datasets
WHERE dataset_id IN (
  SELECT dataset_id FROM projection.datasets
  WHERE identity_pool_id = $1 AND identity_id = $2
    AND NOT EXISTS (SELECT 1 FROM projection.records WHERE records.dataset_id = datasets.dataset_id)
  LIMIT ${ERASE_ROWS})
RETURNING dataset_id`;

// Erases records that were written while their dataset was being erased.
const ERASE_LATE_RECORDS = `
DELETE FROM projection.records
WHERE (dataset_id, record_id) IN (${withinBytes(
  'dataset_id, record_id',
  `
  SELECT dataset_id, record_id, ${RECORD_BYTES} FROM projection.records
  WHERE dataset_id = ANY ($1::uuid[])
  LIMIT ${ERASE_ROWS}`,
)})`;

// Shortens the erased identity's id in the saved progress of a reconciliation to the region and the first two
// hexadecimal digits. A reconciliation that has not finished then resumes slightly earlier: it compares at most one in
// 256 identities again. A prefix of an id is before the id in every order.
const ERASE_POSITION = `
UPDATE projection.reconciliations
SET after_identity_id = left($2::text, strpos($2::text, ':') + 2), after_dataset_name = ''
WHERE identity_pool_id = $1 AND after_identity_id = $2::text`;

const READ_QUARANTINED = `
SELECT quarantine_id, payload FROM projection.quarantine
WHERE (identity_pool_id = $1 OR identity_pool_id IS NULL) AND quarantine_id > $2::uuid
ORDER BY quarantine_id
LIMIT $3::bigint`;

const FIRST_ID = '00000000-0000-0000-0000-000000000000';

// A quarantined removal and the version that was assigned to it have the same id, derived from the position on the
// stream.
const ERASE_DATED_REMOVAL = 'DELETE FROM projection.dated_removals WHERE removal_id = $1';
const ERASE_QUARANTINED = 'DELETE FROM projection.quarantine WHERE quarantine_id = $1';

const KNOWS_POOL = `
SELECT 1 FROM projection.datasets WHERE identity_pool_id = $1
UNION ALL SELECT 1 FROM projection.quarantine WHERE identity_pool_id = $1
UNION ALL SELECT 1 FROM projection.pool_streaming WHERE identity_pool_id = $1
UNION ALL SELECT 1 FROM projection.bulk_publishes WHERE identity_pool_id = $1
UNION ALL SELECT 1 FROM projection.gaps WHERE identity_pool_id = $1
UNION ALL SELECT 1 FROM projection.reconciliations WHERE identity_pool_id = $1
LIMIT 1`;

/** Creates an `EraseStore` on any `Database`. */
export function createEraseStore(database: Database): EraseStore {
  return {
    async markErased(identities, erasedAt, { isNewer }) {
      await database.query(MARK_ERASED, [plainArray(identities.map(identityRowId)), erasedAt, isNewer]);
    },

    async readErasedAt(identity) {
      const values = [identityRowId(identity)];
      const { rows } = await database.query<{ erased_ms: number }>(READ_ERASED_AT, values);
      return rows[0]?.erased_ms ?? null;
    },

    async countDatasets(identity) {
      const { rows } = await database.query<{ datasets: number; records: number }>(
        COUNT_DATASETS,
        valuesOf(identity),
      );
      return { datasets: rows[0]?.datasets ?? 0, records: rows[0]?.records ?? 0 };
    },

    async eraseDatasets(identity) {
      const values = valuesOf(identity);
      await database.query(ERASE_POSITION, values);
      for (let pass = 1; pass <= PASSES; pass += 1) {
        await eraseSteps(database, ERASE_RECORDS, values);
        const { rows } = await database.query<{ dataset_id: string }>(ERASE_DATASETS, values);
        if (rows.length === 0) return;
        await eraseSteps(database, ERASE_LATE_RECORDS, [plainArray(rows.map((row) => row.dataset_id))]);
      }
    },

    async readQuarantinedOf(identityPoolId, after, limit) {
      const { rows } = await database.query<{ quarantine_id: string; payload: Uint8Array }>(
        READ_QUARANTINED,
        [identityPoolId, after ?? FIRST_ID, limit],
      );
      return rows.map((row) => ({ quarantineId: row.quarantine_id, data: row.payload }));
    },

    async eraseQuarantined(quarantineId) {
      await database.query(ERASE_DATED_REMOVAL, [quarantineId]);
      await database.query(ERASE_QUARANTINED, [quarantineId]);
    },

    async knowsPool(identityPoolId) {
      const { rows } = await database.query(KNOWS_POOL, [identityPoolId]);
      return rows.length > 0;
    },
  };
}

function valuesOf({ identityPoolId, identityId }: IdentityKey): string[] {
  return [identityPoolId, identityId];
}

/** Repeats a statement until nothing is left to erase. */
async function eraseSteps(database: Database, sql: string, values: readonly string[]): Promise<void> {
  while ((await database.query(sql, values)).rowsChanged > 0);
}
