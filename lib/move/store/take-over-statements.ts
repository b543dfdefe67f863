// Statements that take identities over.

export const LIST_MOVING =
  'SELECT identity_pool_id, origin, run_ms FROM move.pools WHERE finished_ms IS NULL';

/**
 * Takes the lease $2 of a replica until $4, if no other lease is valid at $3. A lease never lasts an hour: if it ends later
 * than that, the clock was set back, and the lease counts as ended. A repetition of the statement has the same result.
 */
export const CLAIM_IDENTITY = `
UPDATE move.identities SET lease_id = $2::uuid, leased_until_ms = $4::bigint
WHERE identity_row_id = $1 AND taken_over_ms IS NULL
  AND (lease_id IS NULL OR lease_id = $2::uuid
    OR leased_until_ms <= $3::bigint OR leased_until_ms > $3::bigint + 3600000)`;

export const RENEW_IDENTITY = `
UPDATE move.identities SET leased_until_ms = $3
WHERE identity_row_id = $1 AND lease_id = $2 AND taken_over_ms IS NULL`;

/**
 * Locks the row of a replica if the lease $2 is valid at $3. Without a valid lease, what the process compared may be
 * outdated.
 */
export const LOCK_CLAIMED = `
SELECT identity_row_id FROM move.identities
WHERE identity_row_id = $1 AND lease_id = $2 AND leased_until_ms > $3 AND taken_over_ms IS NULL
FOR UPDATE`;

/** Stores that both sides of the datasets $2 agree up to the counts $3. */
export const PUT_AGREED = `
INSERT INTO move.datasets (dataset_id, identity_row_id, agreed_here, agreed_there)
SELECT given.dataset_id, $1::uuid, given.sync_count, given.sync_count
FROM unnest($2::uuid[], $3::bigint[]) AS given (dataset_id, sync_count)
ORDER BY given.dataset_id
ON CONFLICT (dataset_id) DO UPDATE SET
  agreed_here = excluded.agreed_here,
  agreed_there = excluded.agreed_there`;

export const TAKE_OVER = `
UPDATE move.identities SET taken_over_ms = $2, lease_id = NULL, leased_until_ms = NULL WHERE identity_row_id = $1`;

export const RELEASE_IDENTITY = `
UPDATE move.identities SET lease_id = NULL, leased_until_ms = NULL WHERE identity_row_id = $1 AND lease_id = $2`;
