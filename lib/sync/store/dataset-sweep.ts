import type { Database, SqlValue } from '../../database/database.ts';
import type { DatasetSweep } from '../jobs/sweep-datasets.ts';
import { STEP_ROWS } from './deleted-dataset-statements.ts';
import { changeInSteps } from './remove-deleted-datasets.ts';

/**
 * Selects the expired tokens of a slot, whose dataset ids are from $1 to $2. REMOVE_TOKENS repeats this condition
 * outside of its subquery, so that the outer scan also reads only the slot.
 */
const EXPIRED = 'dataset_id >= $1::uuid AND dataset_id <= $2::uuid AND expires_ms < $3::bigint';

const REMOVE_TOKENS = `
DELETE FROM sync.spent_tokens
WHERE (dataset_id, expires_ms, session_id) IN (
    SELECT dataset_id, expires_ms, session_id FROM sync.spent_tokens WHERE ${EXPIRED} LIMIT ${STEP_ROWS})
  AND ${EXPIRED}`;

/**
 * Removes leases whose outbox rows no longer exist. Such a lease remains if a relay claims a row that another relay is
 * removing, and the claiming relay is then stopped.
 */
const REMOVE_LEASES = `
DELETE FROM sync.outbox_leases
WHERE outbox_id IN (
  SELECT outbox_id FROM sync.outbox_leases AS lease
  WHERE leased_until < now() - interval '1 day'
    AND NOT EXISTS (SELECT 1 FROM sync.outbox WHERE outbox.outbox_id = lease.outbox_id)
  LIMIT ${STEP_ROWS})`;

const OLD = `
  receipt_id >= $1::uuid AND receipt_id <= $2::uuid AND created_ms < ((extract(epoch FROM now()) - 86400) * 1000)::bigint`;

/**
 * Removes old receipts of transactions (see `transact`), whose ids are from $1 to $2. These transactions ended long
 * ago.
 */
const REMOVE_RECEIPTS = `
DELETE FROM sync.receipts
WHERE receipt_id IN (
  SELECT receipt_id FROM sync.receipts WHERE ${OLD}
  LIMIT ${STEP_ROWS})
  AND ${OLD}`;

/** Computes the correct usage of each pool in a slot from the slot's datasets, whose ids are from $1 to $2. */
const COUNTED = `
  SELECT identity_pool_id,
    coalesce(sum(data_storage) FILTER (WHERE sync_count > deleted_sync_count), 0)::bigint AS data_storage,
    max(last_modified_ms) AS last_modified_ms
  FROM sync.datasets
  WHERE dataset_id >= $1::uuid AND dataset_id <= $2::uuid
  GROUP BY identity_pool_id`;

/**
 * Corrects the stored sums, which are the usage of each pool in the slot $3. If a concurrent write has changed a sum
 * since this statement began, the statement leaves that sum unchanged, because the statement's own count does not
 * include the write. The next sweep corrects the sum.
 */
const CORRECT_SUMS = `
UPDATE sync.pool_usage AS stored
SET data_storage = verified.data_storage, last_modified_ms = verified.last_modified_ms
FROM (
  SELECT seen.identity_pool_id, seen.data_storage AS seen_storage, seen.last_modified_ms AS seen_ms,
    coalesce(counted.data_storage, 0) AS data_storage,
    coalesce(counted.last_modified_ms, seen.last_modified_ms) AS last_modified_ms
  FROM sync.pool_usage AS seen
  LEFT JOIN (${COUNTED}) AS counted ON counted.identity_pool_id = seen.identity_pool_id
  WHERE seen.slot = $3
) AS verified
WHERE stored.slot = $3 AND stored.identity_pool_id = verified.identity_pool_id
  AND stored.data_storage = verified.seen_storage AND stored.last_modified_ms = verified.seen_ms
  AND (stored.data_storage, stored.last_modified_ms) <> (verified.data_storage, verified.last_modified_ms)`;

const ADD_SUMS = `
INSERT INTO sync.pool_usage (identity_pool_id, slot, data_storage, last_modified_ms)
SELECT counted.identity_pool_id, $3, counted.data_storage, counted.last_modified_ms
FROM (${COUNTED}) AS counted
WHERE NOT EXISTS (
  SELECT 1 FROM sync.pool_usage AS stored
  WHERE stored.identity_pool_id = counted.identity_pool_id AND stored.slot = $3)
ON CONFLICT (identity_pool_id, slot) DO NOTHING`;

/** Creates the database operations of the sweep, on any `Database`. */
export function createDatasetSweep(database: Database): DatasetSweep {
  const rowsOf = async (sql: string, values: readonly SqlValue[]) =>
    (await database.query(sql, values)).rowsChanged;

  return {
    removeLeases: () => rowsOf(REMOVE_LEASES, []),

    async sweepSlot(slot, tokensBefore) {
      const digits = slot.toString(16).padStart(2, '0');
      const range = [
        `${digits}000000-0000-0000-0000-000000000000`,
        `${digits}ffffff-ffff-ffff-ffff-ffffffffffff`,
      ];
      const tokens = await changeInSteps(database, REMOVE_TOKENS, [...range, tokensBefore]);
      await changeInSteps(database, REMOVE_RECEIPTS, range);
      const corrected = await rowsOf(CORRECT_SUMS, [...range, digits]);
      const added = await rowsOf(ADD_SUMS, [...range, digits]);
      return { tokens, sums: corrected + added };
    },
  };
}
