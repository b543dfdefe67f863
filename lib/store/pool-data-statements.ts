// The statements that remove what is kept of an identity pool. None changes more rows than Aurora DSQL takes in one
// transaction.

/** Rows of a step; of datasets, each of which has one row in several tables, fewer. */
export const REMOVE_ROWS = 2_500;
export const REMOVE_DATASETS = 500;

export interface KeyRow {
  identity_id: string;
  dataset_name: string;
}

const next = (columns: string, condition: string) => `
SELECT identity_id, dataset_name${columns}
FROM sync.datasets
WHERE identity_pool_id = $1 AND (identity_id, dataset_name) > ($2, $3) AND ${condition}
ORDER BY identity_id, dataset_name
LIMIT $4::bigint`;

/** The next datasets, at most $4, after $2 and $3, in the order of the index. */
export const LIST_EXISTING = next('', 'sync_count > deleted_sync_count');

export interface DeletedRow extends KeyRow {
  dataset_id: string;
  sync_count: number;
}

export const LIST_DELETED = next(', dataset_id, sync_count', 'sync_count = deleted_sync_count');

// Of all that follow: $1, by columns with $2 where it is asked for: datasets that are deleted, and the counts that they
// had then.

/** A record that is older than a deletion nobody sees, also where the dataset has been made anew since. */
export const REMOVE_RECORDS = `
DELETE FROM sync.records
USING unnest($1::uuid[], $2::bigint[]) AS deleted (dataset_id, sync_count)
WHERE records.dataset_id = deleted.dataset_id AND records.sync_count <= deleted.sync_count
  AND (records.dataset_id, records.record_id) IN (
    SELECT left_over.dataset_id, left_over.record_id
    FROM unnest($1::uuid[], $2::bigint[]) AS gone (dataset_id, sync_count)
    JOIN sync.records AS left_over
      ON left_over.dataset_id = gone.dataset_id AND left_over.sync_count <= gone.sync_count
    LIMIT ${REMOVE_ROWS})`;

export const REMOVE_SPENT_TOKENS = `
DELETE FROM sync.spent_tokens
WHERE (dataset_id, expires_ms, session_id) IN (
  SELECT dataset_id, expires_ms, session_id FROM sync.spent_tokens
  WHERE dataset_id = ANY ($1::uuid[])
  LIMIT ${REMOVE_ROWS})`;

export const REMOVE_SUBSCRIPTIONS = `
DELETE FROM sync.subscriptions
WHERE (dataset_id, device_id) IN (
  SELECT dataset_id, device_id FROM sync.subscriptions
  WHERE dataset_id = ANY ($1::uuid[])
  LIMIT ${REMOVE_ROWS})`;

export const REMOVE_COPIES = 'DELETE FROM sync.merged_datasets WHERE dataset_id = ANY ($1::uuid[])';

/**
 * Each only as it was when its records were removed: a record must not outlive its dataset, whose next one would begin
 * at the same counts and show it. Who writes the dataset meanwhile comes first, and then it has another count.
 */
export const REMOVE_DELETED = `
DELETE FROM sync.datasets AS stored
USING unnest($1::uuid[], $2::bigint[]) AS deleted (dataset_id, sync_count)
WHERE stored.dataset_id = deleted.dataset_id
  AND stored.sync_count = deleted.sync_count AND stored.deleted_sync_count = deleted.sync_count`;

const removeOfPool = (table: string, key: string) => `
DELETE FROM sync.${table}
WHERE ${key} IN (SELECT ${key} FROM sync.${table} WHERE identity_pool_id = $1 LIMIT ${REMOVE_ROWS})`;

export const REMOVE_PENDING_MERGES = removeOfPool('pending_merges', 'identity_row_id');
export const REMOVE_DEVICES = removeOfPool('devices', 'registration_id');
export const REMOVE_BULK_PUBLISH = 'DELETE FROM sync.bulk_publishes WHERE identity_pool_id = $1';

/** Also of datasets that never were. */
export const REMOVE_SUBSCRIPTIONS_OF_DEVICES = `
DELETE FROM sync.subscriptions
WHERE (dataset_id, device_id) IN (
  SELECT subscriptions.dataset_id, subscriptions.device_id
  FROM sync.devices
  JOIN sync.subscriptions ON subscriptions.device_id = devices.device_id
  WHERE devices.identity_pool_id = $1
  LIMIT ${REMOVE_ROWS})`;

/** $1: those of datasets, which are found by their key; then whatever is left of the pool is looked for once. */
export const REMOVE_IDENTITIES = 'DELETE FROM sync.identities WHERE identity_row_id = ANY ($1::uuid[])';
export const REMOVE_OTHER_IDENTITIES = removeOfPool('identities', 'identity_row_id');
