import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import type { ForgetStore } from '../ports/forget-store.ts';

// Aurora DSQL allows at most 3,000 changed rows per transaction.
const ERASE_ROWS = 2_500;
/**
 * Maximum number of passes over the data of an identity. A device that keeps writing must not make the erasure endless.
 */
const PASSES = 50;

// A DELETE locks rows in no particular order. If a DELETE deadlocks with the projection, the server rolls back one of
// the two transactions, and `Database` retries that transaction.
const ERASE_RECORDS = `
DELETE FROM projection.records
WHERE (dataset_id, record_id) IN (
  SELECT records.dataset_id, records.record_id
  FROM projection.datasets JOIN projection.records ON records.dataset_id = datasets.dataset_id
  WHERE datasets.identity_pool_id = $1 AND datasets.identity_id = $2
  LIMIT ${ERASE_ROWS})`;

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
WHERE (dataset_id, record_id) IN (
  SELECT dataset_id, record_id FROM projection.records
  WHERE dataset_id = ANY ($1::uuid[])
  LIMIT ${ERASE_ROWS})`;

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
const ERASE_PAYLOAD = 'DELETE FROM sync.payloads WHERE payload_id = $1';

const KNOWS_POOL = `
SELECT 1 FROM projection.datasets WHERE identity_pool_id = $1
UNION ALL SELECT 1 FROM projection.quarantine WHERE identity_pool_id = $1
UNION ALL SELECT 1 FROM projection.pool_streaming WHERE identity_pool_id = $1
UNION ALL SELECT 1 FROM projection.bulk_publishes WHERE identity_pool_id = $1
UNION ALL SELECT 1 FROM projection.gaps WHERE identity_pool_id = $1
UNION ALL SELECT 1 FROM projection.reconciliations WHERE identity_pool_id = $1
LIMIT 1`;

/** Creates a `ForgetStore` on any `Database`. */
export function createForgetStore(database: Database): ForgetStore {
  const rowsOf = async (sql: string, id: string) => (await database.query(sql, [id])).rowsChanged;
  return {
    async eraseDatasets({ identityPoolId, identityId }) {
      const identity = [identityPoolId, identityId];
      const erased = { datasets: 0, records: 0 };
      for (let pass = 1; pass <= PASSES; pass += 1) {
        erased.records += await eraseSteps(database, ERASE_RECORDS, identity);
        const { rows } = await database.query<{ dataset_id: string }>(ERASE_DATASETS, identity);
        if (rows.length === 0) return erased;
        erased.datasets += rows.length;
        const ids = plainArray(rows.map((row) => row.dataset_id));
        erased.records += await eraseSteps(database, ERASE_LATE_RECORDS, [ids]);
      }
      return erased;
    },

    async readQuarantinedOf(identityPoolId, after, limit) {
      const { rows } = await database.query<{ quarantine_id: string; payload: Uint8Array }>(
        READ_QUARANTINED,
        [identityPoolId, after ?? FIRST_ID, limit],
      );
      return rows.map((row) => ({ quarantineId: row.quarantine_id, data: row.payload }));
    },

    async eraseQuarantined(quarantineId) {
      const datedRemovals = await rowsOf(ERASE_DATED_REMOVAL, quarantineId);
      return { quarantined: await rowsOf(ERASE_QUARANTINED, quarantineId), datedRemovals };
    },

    erasePayload: (payloadId) => rowsOf(ERASE_PAYLOAD, payloadId),

    async knowsPool(identityPoolId) {
      const { rows } = await database.query(KNOWS_POOL, [identityPoolId]);
      return rows.length > 0;
    },
  };
}

/** Repeats a statement until nothing is left to erase. @returns the number of erased rows */
async function eraseSteps(database: Database, sql: string, values: readonly string[]): Promise<number> {
  let erased = 0;
  for (;;) {
    const { rowsChanged } = await database.query(sql, values);
    erased += rowsChanged;
    if (rowsChanged < ERASE_ROWS) return erased;
  }
}
