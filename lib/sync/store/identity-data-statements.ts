// Statements that remove the data of a deleted identity. $1 is the hash of the identity's id. Each statement changes at
// most as many rows as Aurora DSQL allows in one transaction, and checks that the identity is deleted.

import {
  removeCopies,
  removeDatasetRows,
  removeRecords,
  removeSpentTokens,
  removeSubscriptions,
  STEP_ROWS,
} from './deleted-dataset-statements.ts';
import type { DatasetRemoval, DeletedDatasetRow } from './remove-deleted-datasets.ts';

/** Maximum datasets of a step. An identity has few datasets, but each deleted one keeps its row. */
export const STEP_DATASETS = 500;

const IS_DELETED = `EXISTS (
  SELECT 1 FROM sync.deleted_identities AS marked WHERE marked.id_hash = $1::uuid)`;

const next = (columns: string, condition: string) => `
SELECT dataset_name${columns}
FROM sync.datasets
WHERE identity_pool_id = $2 AND identity_id = $3 AND dataset_name > $4 AND ${condition} AND ${IS_DELETED}
ORDER BY dataset_name
LIMIT $5::bigint`;

/** The next existing datasets of the identity ($2, $3), at most $5, after $4, in the order of the index. */
export const LIST_EXISTING_OF_IDENTITY = next('', 'sync_count > deleted_sync_count');

export interface NamedDatasetRow extends DeletedDatasetRow {
  dataset_name: string;
}

export const LIST_DELETED_OF_IDENTITY = next(', dataset_id, sync_count', 'sync_count = deleted_sync_count');

export const IDENTITY_REMOVAL: DatasetRemoval = {
  records: removeRecords(IS_DELETED),
  spentTokens: removeSpentTokens(IS_DELETED),
  subscriptions: removeSubscriptions(IS_DELETED),
  copies: removeCopies(IS_DELETED),
  datasets: removeDatasetRows(IS_DELETED),
};

export const REMOVE_PENDING_MERGE = `
DELETE FROM sync.pending_merges WHERE identity_row_id = $2 AND ${IS_DELETED}`;

/** Removes the subscriptions of the identity's devices, including subscriptions to datasets that never existed. */
export const REMOVE_SUBSCRIPTIONS_OF_IDENTITY = `
DELETE FROM sync.subscriptions
WHERE (dataset_id, device_id) IN (
    SELECT subscriptions.dataset_id, subscriptions.device_id
    FROM sync.devices
    JOIN sync.subscriptions ON subscriptions.device_id = devices.device_id
    WHERE devices.identity_pool_id = $2 AND devices.identity_id = $3
    LIMIT ${STEP_ROWS})
  AND ${IS_DELETED}`;

/** Skips devices that still have subscriptions, because subscriptions are found through their device. */
export const REMOVE_DEVICES_OF_IDENTITY = `
DELETE FROM sync.devices
WHERE registration_id IN (
    SELECT registration_id FROM sync.devices
    WHERE identity_pool_id = $2 AND identity_id = $3
      AND NOT EXISTS (SELECT 1 FROM sync.subscriptions WHERE subscriptions.device_id = devices.device_id)
    LIMIT ${STEP_ROWS})
  AND ${IS_DELETED}`;

export const REMOVE_SYNC_IDENTITY = `
DELETE FROM sync.identities WHERE identity_row_id = $2 AND ${IS_DELETED}`;

/** Whether any data of the identity ($2, $3), whose row has the id $4, is left. */
const IS_LEFT_OF_IDENTITY = `(
  EXISTS (SELECT 1 FROM sync.datasets WHERE identity_pool_id = $2 AND identity_id = $3)
  OR EXISTS (SELECT 1 FROM sync.devices WHERE identity_pool_id = $2 AND identity_id = $3)
  OR EXISTS (SELECT 1 FROM sync.identities WHERE identity_row_id = $4)
  OR EXISTS (SELECT 1 FROM sync.pending_merges WHERE identity_row_id = $4))`;

export const READ_IS_LEFT_OF_IDENTITY = `SELECT ${IS_DELETED} AND ${IS_LEFT_OF_IDENTITY} AS is_left`;

/**
 * Removes the ids from the mark of the deletion, if no data is left. This is one statement, so the ids stay if any data
 * was committed before the statement.
 */
export const END_DELETION = `
UPDATE sync.deleted_identities SET identity_pool_id = NULL, identity_id = NULL
WHERE id_hash = $1 AND NOT ${IS_LEFT_OF_IDENTITY}`;

export interface DeletedIdentityRow {
  identity_pool_id: string;
  identity_id: string;
}

export const LIST_DELETED_IDENTITIES = `
SELECT identity_pool_id, identity_id
FROM sync.deleted_identities
WHERE identity_id > $1
ORDER BY identity_id
LIMIT $2::bigint`;

export const REMOVE_MARKS = `
DELETE FROM sync.deleted_identities
WHERE id_hash IN (
    SELECT id_hash FROM sync.deleted_identities
    WHERE deleted_ms < $1 AND identity_id IS NULL
    LIMIT ${STEP_ROWS})`;
