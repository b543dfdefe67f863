// Statements of the pool store. A pool that is marked as deleted does not exist for these statements.

import { IS_LEFT } from './pool-data-statements.ts';
import { isIdentityDeleted } from './sync-statements.ts';

export interface PoolRow {
  identity_pool_id: string;
  revision: number;
  sync_trigger: string | null;
  streaming_status: 'ENABLED' | 'DISABLED' | null;
  stream_name: string | null;
  stream_role_arn: string | null;
  disabled_reason: string | null;
  push_application_arns: string | null;
  push_role_arn: string | null;
}

export const READ_POOL = `
SELECT identity_pool_id, revision, sync_trigger, streaming_status, stream_name, stream_role_arn, disabled_reason,
  push_application_arns, push_role_arn
FROM sync.identity_pools
WHERE identity_pool_id = $1 AND deleted_ms IS NULL`;

export const CREATE_POOL = `
INSERT INTO sync.identity_pools (
  identity_pool_id, sync_trigger, streaming_status, stream_name, stream_role_arn, disabled_reason,
  push_application_arns, push_role_arn, created_ms, revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)
ON CONFLICT (identity_pool_id) DO NOTHING`;

/**
 * Turns the row of a deleted pool into the row of a new pool, but only if no other data of the deleted pool is left. No
 * setting of the deleted pool remains.
 */
export const CREATE_POOL_AGAIN = `
UPDATE sync.identity_pools
SET
  sync_trigger = $2,
  streaming_status = $3,
  stream_name = $4,
  stream_role_arn = $5,
  disabled_reason = $6,
  push_application_arns = $7,
  push_role_arn = $8,
  created_ms = $9,
  revision = 1,
  identity_settings = NULL,
  bridges = NULL,
  deleted_ms = NULL
WHERE identity_pool_id = $1 AND deleted_ms IS NOT NULL AND NOT ${IS_LEFT}`;

/**
 * Locks a pool that still has the revision $2. If two changes were decided on the same revision, the second change
 * waits for the first change and then finds a different revision, so this statement returns no row.
 */
export const LOCK_POOL = `
SELECT streaming_status, stream_name
FROM sync.identity_pools
WHERE identity_pool_id = $1 AND revision = $2 AND deleted_ms IS NULL
FOR UPDATE`;

export const CHANGE_POOL = `
UPDATE sync.identity_pools SET
  sync_trigger = $2,
  streaming_status = $3,
  stream_name = $4,
  stream_role_arn = $5,
  disabled_reason = $6,
  push_application_arns = $7,
  push_role_arn = $8,
  revision = revision + 1
WHERE identity_pool_id = $1 AND deleted_ms IS NULL`;

export interface PoolUsageRow {
  identity_pool_id: string;
  data_storage: number;
  last_modified_ms: number | null;
}

// The cast is needed because the sum of a bigint is numeric, which drivers return as text.
const SUMMED = `
  coalesce(sum(sums.data_storage), 0)::bigint AS data_storage, max(sums.last_modified_ms) AS last_modified_ms`;

export const READ_POOL_USAGE = `
SELECT pools.identity_pool_id,${SUMMED}
FROM sync.identity_pools AS pools
LEFT JOIN sync.pool_usage AS sums ON sums.identity_pool_id = pools.identity_pool_id
WHERE pools.identity_pool_id = $1 AND pools.deleted_ms IS NULL
GROUP BY pools.identity_pool_id`;

// COLLATE gives the same order on every server, regardless of the server's locale.
export const LIST_POOL_IDS = `
SELECT identity_pool_id FROM sync.identity_pools
WHERE identity_pool_id > $1 COLLATE "C" AND deleted_ms IS NULL
ORDER BY identity_pool_id COLLATE "C"
LIMIT $2::bigint`;

// Selects the pools of the page first, so that only their usage is summed.
export const LIST_POOL_USAGES = `
SELECT pools.identity_pool_id,${SUMMED}
FROM (${LIST_POOL_IDS}) AS pools
LEFT JOIN sync.pool_usage AS sums ON sums.identity_pool_id = pools.identity_pool_id
GROUP BY pools.identity_pool_id
ORDER BY pools.identity_pool_id COLLATE "C"`;

export interface IdentityUsageRow {
  dataset_count: number;
  data_storage: number;
  last_modified_ms: number | null;
}

// The sum omits deleted datasets, but the last date includes their deletions. $3: the hash of the identity's id.
export const READ_IDENTITY_USAGE = `
SELECT
  count(*) FILTER (WHERE stored.sync_count > stored.deleted_sync_count) AS dataset_count,
  coalesce(sum(stored.data_storage) FILTER (WHERE stored.sync_count > stored.deleted_sync_count), 0)::bigint
    AS data_storage,
  max(stored.last_modified_ms) AS last_modified_ms
FROM sync.datasets AS stored
WHERE stored.identity_pool_id = $1 AND stored.identity_id = $2 AND NOT ${isIdentityDeleted('$3')}`;
