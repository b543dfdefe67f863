// Statements that read datasets and records. Each statement is one round trip.

export const DATASET = `
  stored.dataset_name, stored.sync_count, stored.deleted_sync_count, stored.creation_ms, stored.last_modified_ms,
  stored.last_modified_by, stored.data_storage, stored.record_count`;

export interface SyncDatasetRow {
  dataset_name: string;
  sync_count: number;
  deleted_sync_count: number;
  creation_ms: number;
  last_modified_ms: number;
  last_modified_by: string;
  data_storage: number;
  record_count: number;
}

/** A row of an outer join. If the join found a row, its members have values; otherwise all members are null. */
export type Nullable<Row> = { [Member in keyof Row]: Row[Member] | null };

/** SQL that returns whether the identity with this hash was deleted. */
export const isIdentityDeleted = (hash: string) =>
  `EXISTS (SELECT 1 FROM sync.deleted_identities WHERE id_hash = ${hash}::uuid)`;

// The datasets of a deleted identity remain for a while, until they are deleted too. Requests of callers must not find
// them, so the statements below check whether the identity was deleted.

/** $2: the hash of the identity's id. */
export const READ_DATASET = `
SELECT ${DATASET}
FROM sync.datasets AS stored
WHERE stored.dataset_id = $1 AND stored.sync_count > stored.deleted_sync_count
  AND NOT ${isIdentityDeleted('$2')}`;

// COLLATE makes the order the same on every server, regardless of the server's locale. $5: the hash of the identity's id.
export const READ_DATASETS = `
SELECT ${DATASET}
FROM sync.datasets AS stored
WHERE stored.identity_pool_id = $1 AND stored.identity_id = $2
  AND stored.sync_count > stored.deleted_sync_count
  AND stored.dataset_name > $3 COLLATE "C"
  AND NOT ${isIdentityDeleted('$5')}
ORDER BY stored.dataset_name COLLATE "C"
LIMIT $4::bigint`;

export type ListedDatasetRow = Pick<
  SyncDatasetRow,
  'sync_count' | 'deleted_sync_count' | 'last_modified_ms' | 'last_modified_by'
>;

export interface ReadRow extends ListedDatasetRow, ListedRecordRow {
  /** Whether an update has used the session. READ_RECORDS does not set it. */
  spent?: boolean;
  /**
   * Whether merges have made copies of the dataset. Listings must name these copies. READ_LIVE_RECORDS does not set it.
   */
  has_copies?: boolean;
}

export interface ListedRecordRow {
  /** Null if the row holds no record. */
  record_key: string | null;
  record_value: string | null;
  record_sync_count: number;
  record_modified_ms: number;
  record_modified_by: string;
  device_last_modified_ms: number | null;
}

const LISTED = `
  stored.sync_count, stored.deleted_sync_count, stored.last_modified_ms, stored.last_modified_by,
  records.record_key, records.record_value, records.sync_count AS record_sync_count,
  records.last_modified_ms AS record_modified_ms, records.last_modified_by AS record_modified_by,
  records.device_last_modified_ms`;

/** Returns SQL that checks whether an update has already used the session with this expiry and id. */
const isSpent = (expiry: string, id: string) => `EXISTS (
    SELECT 1 FROM sync.spent_tokens
    WHERE dataset_id = $1::uuid AND expires_ms = ${expiry}::bigint AND session_id = ${id}::uuid
  ) AS spent`;

const readRecords = (spent = '') => `
SELECT ${LISTED},${spent}
  EXISTS (SELECT 1 FROM sync.merged_datasets WHERE root_dataset_id = $1::uuid) AS has_copies
FROM sync.datasets AS stored
LEFT JOIN sync.records ON records.dataset_id = stored.dataset_id
  AND records.sync_count > stored.deleted_sync_count
  AND (records.sync_count, records.record_id) > ($2::bigint, $3::uuid)
  AND records.sync_count <= $4::bigint
WHERE stored.dataset_id = $1::uuid AND NOT ${isIdentityDeleted('$6')}
ORDER BY records.sync_count, records.record_id
LIMIT $5::bigint`;

/**
 * Reads the records of a dataset for a listing. Returns one row per record, one row without a record if no record
 * matches, and no row if the dataset never existed. Each row repeats the dataset, so only the dataset's columns that a
 * listing returns are read. $2, $3: the position to read from; $4: the highest count; $6: the hash of the identity's id.
 */
export const READ_RECORDS = readRecords();

/**
 * Like READ_RECORDS, but also returns whether the session ($7, $8) was used. For a dataset that never existed, it
 * returns no row; no update can have used a session of such a dataset.
 */
export const READ_RECORDS_IN_SESSION = readRecords(`
  ${isSpent('$7', '$8')},`);

/**
 * Reads the live records of a dataset, the tombstones with the given record ids ($2), and whether the session ($3, $4)
 * was used. Returns one row per record or tombstone. Returns one row without a record if nothing matches, and no row if
 * the dataset never existed. Other tombstones are not read, because a dataset can have many. READ_SNAPSHOT explains why
 * the difference of the counts is compared.
 */
export const READ_LIVE_RECORDS = `
SELECT ${LISTED},
  ${isSpent('$3', '$4')}
FROM sync.datasets AS stored
LEFT JOIN (
  SELECT live.* FROM sync.records AS live WHERE live.dataset_id = $1::uuid AND live.record_value IS NOT NULL
  UNION ALL
  SELECT removed.* FROM sync.records AS removed
  WHERE removed.dataset_id = $1::uuid AND removed.record_id = ANY ($2::uuid[]) AND removed.record_value IS NULL
) AS records ON records.sync_count - stored.deleted_sync_count > 0
WHERE stored.dataset_id = $1::uuid
ORDER BY records.sync_count, records.record_id`;

/** Returns whether an identity was deleted. $1: the hash of its id. */
export const READ_IDENTITY_DELETED = `SELECT ${isIdentityDeleted('$1')} AS identity_deleted`;

export interface CopyRow {
  dataset_name: string | null;
  identity_deleted: boolean;
}

/**
 * Returns the names of a dataset's existing copies, and whether the dataset's identity ($2) was deleted. Returns one row
 * per copy, or one row without a name. A dataset that never existed can have copies.
 */
export const READ_COPIES = `
SELECT copies.dataset_name, ${isIdentityDeleted('$2')} AS identity_deleted
FROM (SELECT $1::uuid AS root_dataset_id) AS asked
LEFT JOIN (
  SELECT merged.root_dataset_id, stored.dataset_name
  FROM sync.merged_datasets AS merged
  JOIN sync.datasets AS stored ON stored.dataset_id = merged.dataset_id
  WHERE stored.sync_count > stored.deleted_sync_count
) AS copies ON copies.root_dataset_id = asked.root_dataset_id`;

/** A dataset with the number of its rows, tombstones included, and the bytes of the keys of these rows. */
export interface CountedDatasetRow extends SyncDatasetRow {
  row_count: number;
  key_bytes: number;
}

/**
 * Returns SQL that reads a stored size of the dataset $1. If an older version of the service wrote the dataset last,
 * the stored size is wrong, and the SQL computes the size from the records.
 */
const counted = (column: string, aggregate: string) => `
  CASE WHEN stored.counted_sync_count = stored.sync_count THEN stored.${column} ELSE (
    SELECT ${aggregate}
    FROM sync.datasets AS counted
    JOIN sync.records ON records.dataset_id = counted.dataset_id AND records.sync_count > counted.deleted_sync_count
    WHERE counted.dataset_id = $1::uuid
  ) END AS ${column}`;

export interface SnapshotRow extends Nullable<CountedDatasetRow> {
  spent: boolean;
  identity_datasets: number;
  pool_exists: boolean;
  identity_deleted: boolean;
  record_key: string | null;
  record_sync_count: number;
  value_bytes: number | null;
}

/**
 * Reads the state from which a change is decided. Returns one row per requested record, or one row without a record.
 * The values are not read, because no decision needs them. The last condition compares the difference of the counts on
 * purpose. If it compared the counts directly, PostgreSQL would use the index by count and scan all records of the
 * dataset.
 */
export const READ_SNAPSHOT = `
SELECT ${DATASET},${counted('row_count', 'count(*)')},${counted('key_bytes', 'coalesce(sum(octet_length(records.record_key)), 0)')},
  ${isSpent('$5', '$6')},
  CASE WHEN stored.sync_count > stored.deleted_sync_count THEN 0 ELSE (
    SELECT count(*) FROM sync.datasets
    WHERE identity_pool_id = $3 AND identity_id = $4 AND sync_count > deleted_sync_count
  ) END AS identity_datasets,
  EXISTS (
    SELECT 1 FROM sync.identity_pools WHERE identity_pool_id = $3 AND deleted_ms IS NULL
  ) AS pool_exists,
  ${isIdentityDeleted('$7')} AS identity_deleted,
  records.record_key, records.sync_count AS record_sync_count, octet_length(records.record_value) AS value_bytes
FROM (SELECT $1::uuid AS dataset_id) AS asked
LEFT JOIN sync.datasets AS stored ON stored.dataset_id = asked.dataset_id
LEFT JOIN sync.records ON records.dataset_id = stored.dataset_id
  AND records.record_id = ANY ($2::uuid[])
  AND records.sync_count - stored.deleted_sync_count > 0`;
