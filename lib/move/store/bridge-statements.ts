// Statements of the bridge. None of them changes data in a WITH, so that Aurora DSQL can run them.

/** Takes the lease $2 of an owned identity until $4, as CLAIM_IDENTITY does for a replica. */
export const CLAIM_OWNED = `
UPDATE move.identities SET lease_id = $2::uuid, leased_until_ms = $4::bigint
WHERE identity_row_id = $1 AND taken_over_ms IS NOT NULL
  AND (lease_id IS NULL OR lease_id = $2::uuid
    OR leased_until_ms <= $3::bigint OR leased_until_ms > $3::bigint + 3600000)`;

export interface LeasedRow {
  is_owned: boolean;
  is_leased: boolean;
}

/**
 * Whether this service owns the identity, and whether a process has a valid lease of the identity at $2. The process
 * may also be about to take the identity over.
 */
export const READ_LEASED = `
SELECT taken_over_ms IS NOT NULL AS is_owned,
  lease_id IS NOT NULL AND leased_until_ms > $2::bigint AND leased_until_ms <= $2::bigint + 3600000 AS is_leased
FROM move.identities WHERE identity_row_id = $1`;

export const RENEW_OWNED = `
UPDATE move.identities SET leased_until_ms = $3
WHERE identity_row_id = $1 AND lease_id = $2 AND taken_over_ms IS NOT NULL`;

/** Locks the row of an owned identity, if the lease $2 is valid at $3. */
export const LOCK_OWNED = `
SELECT identity_row_id FROM move.identities
WHERE identity_row_id = $1 AND lease_id = $2 AND leased_until_ms > $3 AND taken_over_ms IS NOT NULL
FOR UPDATE`;

export const READ_AGREED = 'SELECT agreed_here, agreed_there FROM move.datasets WHERE dataset_id = $1';

export interface PendingRow {
  record_key: string;
  value_hash: string | null;
  here_count: number;
  after_there: number;
  there_count: number | null;
}

export const READ_PENDING = `
SELECT record_key, value_hash, here_count, after_there, there_count FROM move.pending WHERE dataset_id = $1`;

export const PUT_AGREED_COUNTS = `
INSERT INTO move.datasets (dataset_id, identity_row_id, agreed_here, agreed_there) VALUES ($1, $2, $3, $4)
ON CONFLICT (dataset_id) DO UPDATE SET
  agreed_here = excluded.agreed_here,
  agreed_there = excluded.agreed_there`;

export const PUT_PENDING = `
INSERT INTO move.pending (dataset_id, record_id, record_key, value_hash, here_count, after_there, there_count)
SELECT $1::uuid, given.*
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[]) AS given
ON CONFLICT (dataset_id, record_id) DO UPDATE SET
  value_hash = excluded.value_hash,
  here_count = excluded.here_count,
  after_there = excluded.after_there,
  there_count = excluded.there_count`;

export const REMOVE_PENDING =
  'DELETE FROM move.pending WHERE dataset_id = $1 AND record_id = ANY ($2::uuid[])';

export const PUT_CONFLICTS = `
INSERT INTO move.conflicts (
  conflict_id, record_key, kind, winner, here_ms, there_ms, identity_pool_id, identity_id, dataset_name, decided_ms)
SELECT given.*, $7::text, $8::text, $9::text, $10::bigint
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]) AS given`;

export const DELETE_CONFLICTS_OF =
  'DELETE FROM move.conflicts WHERE identity_pool_id = $1 AND identity_id = $2';

export const DELETE_PENDING_OF = 'DELETE FROM move.pending WHERE dataset_id = ANY ($1::uuid[])';

export const DELETE_PENDING_OF_IDENTITY = `
DELETE FROM move.pending
WHERE dataset_id IN (SELECT dataset_id FROM move.datasets WHERE identity_row_id = $1)`;

export const COUNT_MOVED_OF = `
SELECT
  (SELECT count(*) FROM move.conflicts WHERE identity_pool_id = $2 AND identity_id = $3) AS conflicts,
  (
    SELECT count(*) FROM move.datasets JOIN move.pending ON pending.dataset_id = datasets.dataset_id
    WHERE datasets.identity_row_id = $1
  ) AS keys`;

export const COUNT_CONFLICTS = 'SELECT count(*) AS conflicts FROM move.conflicts WHERE identity_pool_id = $1';

/** $2: the number of conflicts that are counted. */
export const COUNT_SOME_CONFLICTS = `
SELECT count(*) AS conflicts
FROM (
  SELECT identity_pool_id FROM move.conflicts
  WHERE identity_pool_id >= $1 ORDER BY identity_pool_id, decided_ms, conflict_id LIMIT $2::bigint
) AS first WHERE identity_pool_id = $1`;

export interface ConflictRow {
  conflict_id: string;
  identity_id: string;
  dataset_name: string;
  record_key: string | null;
  kind: string;
  winner: string;
  here_ms: number | null;
  there_ms: number | null;
  decided_ms: number;
}

/** Conflicts after the position ($2, $3). */
export const LIST_CONFLICTS = `
SELECT conflict_id, identity_id, dataset_name, record_key, kind, winner, here_ms, there_ms, decided_ms
FROM move.conflicts
WHERE identity_pool_id = $1 AND (decided_ms, conflict_id) > ($2::bigint, $3::uuid)
ORDER BY decided_ms, conflict_id
LIMIT $4::bigint`;
