// Statements that remove the data of the identity pool $1, which is marked as deleted. Each statement changes at most
// as many rows as Aurora DSQL allows in one transaction. Each statement checks the mark itself, because a new pool can
// be created under the same id once nothing is left. A late statement must not remove the data of the new pool.

import {
  removeCopies,
  removeDatasetRows,
  removeRecords,
  removeSpentTokens,
  removeSubscriptions,
  STEP_ROWS,
} from './deleted-dataset-statements.ts';

/** Maximum datasets of a step. It is lower than STEP_ROWS, because each dataset has one row in several tables. */
export const REMOVE_DATASETS = 500;

export interface KeyRow {
  identity_id: string;
  dataset_name: string;
}

const IS_MARKED = `EXISTS (
  SELECT 1 FROM sync.identity_pools AS marked
  WHERE marked.identity_pool_id = $1 AND marked.deleted_ms IS NOT NULL)`;

const next = (columns: string, condition: string) => `
SELECT identity_id, dataset_name${columns}
FROM sync.datasets
WHERE identity_pool_id = $1 AND (identity_id, dataset_name) > ($2, $3) AND ${condition} AND ${IS_MARKED}
ORDER BY identity_id, dataset_name
LIMIT $4::bigint`;

/** The next existing datasets, at most $4, after ($2, $3), in the order of the index. */
export const LIST_EXISTING = next('', 'sync_count > deleted_sync_count');

export interface DeletedRow extends KeyRow {
  dataset_id: string;
  sync_count: number;
}

export const LIST_DELETED = next(', dataset_id, sync_count', 'sync_count = deleted_sync_count');

/** See deleted-dataset-statements.ts for the parameters. */
export const REMOVE_RECORDS = removeRecords(IS_MARKED);
export const REMOVE_SPENT_TOKENS = removeSpentTokens(IS_MARKED);
export const REMOVE_SUBSCRIPTIONS = removeSubscriptions(IS_MARKED);
export const REMOVE_COPIES = removeCopies(IS_MARKED);
export const REMOVE_DELETED = removeDatasetRows(IS_MARKED);

const removeOfPool = (table: string, key: string, condition = 'true') => `
DELETE FROM ${table}
WHERE (${key}) IN (
    SELECT ${key} FROM ${table} WHERE identity_pool_id = $1 AND ${condition} LIMIT ${STEP_ROWS})
  AND ${IS_MARKED}`;

export const REMOVE_PENDING_MERGES = removeOfPool('sync.pending_merges', 'identity_row_id');
export const REMOVE_BULK_PUBLISH = removeOfPool('sync.bulk_publishes', 'identity_pool_id');

/** Removes the subscriptions of the pool's devices, including subscriptions to datasets that never existed. */
export const REMOVE_SUBSCRIPTIONS_OF_DEVICES = `
DELETE FROM sync.subscriptions
WHERE (dataset_id, device_id) IN (
    SELECT subscriptions.dataset_id, subscriptions.device_id
    FROM sync.devices
    JOIN sync.subscriptions ON subscriptions.device_id = devices.device_id
    WHERE devices.identity_pool_id = $1
    LIMIT ${STEP_ROWS})
  AND ${IS_MARKED}`;

/** Skips devices that still have subscriptions, because a subscription can be found only through its device. */
export const REMOVE_DEVICES = removeOfPool(
  'sync.devices',
  'registration_id',
  'NOT EXISTS (SELECT 1 FROM sync.subscriptions WHERE subscriptions.device_id = devices.device_id)',
);

/**
 * REMOVE_SYNC_IDENTITIES removes the rows with the keys $2: the identities of the datasets that are being removed.
 * REMOVE_OTHER_SYNC_IDENTITIES searches the pool for all other identities.
 */
export const REMOVE_SYNC_IDENTITIES = `
DELETE FROM sync.identities WHERE identity_row_id = ANY ($2::uuid[]) AND ${IS_MARKED}`;
export const REMOVE_OTHER_SYNC_IDENTITIES = removeOfPool('sync.identities', 'identity_row_id');

export const REMOVE_USAGE = removeOfPool('sync.pool_usage', 'identity_pool_id, slot');

export const REMOVE_IDENTITIES = removeOfPool('identity.identities', 'identity_id');
export const REMOVE_LOGINS = removeOfPool('identity.logins', 'login_id');
export const REMOVE_UNBRIDGED = removeOfPool('sync.unbridged_datasets', 'dataset_id');

const isLeftIn = (table: string) =>
  `EXISTS (SELECT 1 FROM ${table} AS kept WHERE kept.identity_pool_id = $1)`;

/**
 * Whether any data of the pool $1 is left, apart from the pool's own row. Tables whose rows do not contain the pool's
 * id are not checked. Their rows are found through other rows, which are removed later and are checked.
 */
export const IS_LEFT = `(
  ${[
    'sync.datasets',
    'sync.pool_usage',
    'sync.identities',
    'sync.pending_merges',
    'sync.devices',
    'sync.bulk_publishes',
    'sync.unbridged_datasets',
    'identity.identities',
    'identity.logins',
  ]
    .map(isLeftIn)
    .join('\n  OR ')}
)`;

export const READ_IS_LEFT = `SELECT ${IS_MARKED} AND ${IS_LEFT} AS is_left`;

/**
 * Marks a pool as deleted. `bridges` becomes null, because the bridge must not repeat the removal of the pool's data at
 * the origin.
 */
export const MARK_POOL = `
UPDATE sync.identity_pools SET deleted_ms = $2, bridges = NULL
WHERE identity_pool_id = $1 AND deleted_ms IS NULL`;

// COLLATE gives the same order on every server, regardless of the server's locale.
export const LIST_MARKED = `
SELECT identity_pool_id FROM sync.identity_pools
WHERE deleted_ms IS NOT NULL AND identity_pool_id > $1 COLLATE "C"
ORDER BY identity_pool_id COLLATE "C"
LIMIT $2::bigint`;

/**
 * Removes the row of a pool that was marked before $2, if no data is left. This is one statement, so the row stays if
 * any data was committed before the statement.
 */
export const REMOVE_POOL = `
DELETE FROM sync.identity_pools
WHERE identity_pool_id = $1 AND deleted_ms < $2 AND NOT ${IS_LEFT}`;
