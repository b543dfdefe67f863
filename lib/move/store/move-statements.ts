// Statements of the migration's own tables.

export interface MovingPoolRow {
  identity_pool_id: string;
  origin: string;
  run_ms: number;
  progress: string;
  copied_ms: number | null;
  followed_ms: number | null;
  caught_up_ms: number | null;
  gap_since_ms: number | null;
  last_old_write_ms: number | null;
  finished_ms: number | null;
  verified_ms: number | null;
  differences: number | null;
  lease_holder: string | null;
  leased_until_ms: number | null;
}

const POOL = `
  identity_pool_id, origin, run_ms, progress, copied_ms, followed_ms, caught_up_ms, gap_since_ms, last_old_write_ms,
  finished_ms, verified_ms, differences, lease_holder, leased_until_ms`;

export const READ_POOL = `SELECT ${POOL} FROM move.pools WHERE identity_pool_id = $1`;

export const LIST_POOLS = `SELECT ${POOL} FROM move.pools ORDER BY identity_pool_id`;

export const LIST_SOME_POOLS = `
SELECT ${POOL} FROM move.pools WHERE identity_pool_id > $1::text ORDER BY identity_pool_id LIMIT $2::bigint`;

/** The moved identities of the pool $1. */
const MOVED =
  'SELECT identity_row_id, taken_over_ms, copied_run_ms, deleted_ms FROM move.identities WHERE identity_pool_id = $1';

/**
 * The first $2 moved identities of the pool $1, in the order of the index. The ids are hashes, so these identities are
 * a random sample. The inner condition is a range, because PostgreSQL without statistics expects few identities of one
 * pool, and would read and sort them all.
 */
const SOME_MOVED = `
SELECT identity_row_id, taken_over_ms, copied_run_ms, deleted_ms FROM (
  SELECT identity_pool_id, identity_row_id, taken_over_ms, copied_run_ms, deleted_ms FROM move.identities
  WHERE identity_pool_id >= $1 ORDER BY identity_pool_id, identity_row_id LIMIT $2::bigint
) AS first WHERE identity_pool_id = $1`;

/**
 * Takes the lease $2 of the pool $1 until $5, if it has ended by $4. A lease never lasts an hour: if it ends later than
 * that, the clock was set back, and the lease counts as ended. A repetition of the statement has the same result.
 */
export const TAKE_LEASE = `
INSERT INTO move.pools AS stored (
  identity_pool_id, lease_id, lease_holder, leased_until_ms, origin, run_ms, progress)
VALUES ($1, $2, $3, $5::bigint, $6, $4::bigint, $7)
ON CONFLICT (identity_pool_id) DO UPDATE SET
  lease_id = excluded.lease_id,
  lease_holder = excluded.lease_holder,
  leased_until_ms = excluded.leased_until_ms
WHERE stored.lease_id IS NULL OR stored.lease_id = excluded.lease_id
  OR stored.leased_until_ms <= $4::bigint OR stored.leased_until_ms > $4::bigint + 3600000`;

export const SAVE = `
UPDATE move.pools SET progress = $3, leased_until_ms = $4 WHERE identity_pool_id = $1 AND lease_id = $2`;

/** Starts a copy. If the migration of the pool was finished, the pool is being migrated again. */
export const START_COPY = `
UPDATE move.pools SET progress = $3, origin = $4, run_ms = $5, finished_ms = NULL
WHERE identity_pool_id = $1 AND lease_id = $2`;

/** Starts the first copy of a pool. Nothing that is known of an earlier pool with this id remains. */
export const START_FIRST_COPY = `
UPDATE move.pools SET progress = $3, origin = $4, run_ms = $5, copied_ms = NULL, followed_ms = NULL, caught_up_ms = NULL,
  gap_since_ms = NULL, gap_seen_ms = NULL, verified_ms = NULL, differences = NULL, last_old_write_ms = NULL,
  finished_ms = NULL
WHERE identity_pool_id = $1 AND lease_id = $2`;

/**
 * Ends a gap that was noticed before the copy started: the copy has read everything that the gap may have hidden. If the
 * copy could not read everything ($5), the gap remains.
 */
export const FINISH_COPY = `
UPDATE move.pools SET progress = $3, copied_ms = $4,
  gap_since_ms = CASE WHEN gap_seen_ms < run_ms AND NOT $5::boolean THEN NULL ELSE gap_since_ms END
WHERE identity_pool_id = $1 AND lease_id = $2`;

export const SAVE_VERIFICATION = `
UPDATE move.pools SET verified_ms = $2, differences = $3 WHERE identity_pool_id = $1`;

export const SAVE_FOLLOWED = `
UPDATE move.pools SET followed_ms = greatest(coalesce(followed_ms, 0), $2::bigint) WHERE identity_pool_id = $1`;

export const SAVE_OLD_WRITE = `
UPDATE move.pools SET last_old_write_ms = $2
WHERE identity_pool_id = $1 AND (last_old_write_ms IS NULL OR last_old_write_ms < $2::bigint)`;

/**
 * Locks a pool. The end of a migration and the creation of an identity both lock it: an identity of the origin that is
 * created here after the end would remain a replica.
 */
export const LOCK_POOL = 'SELECT finished_ms FROM move.pools WHERE identity_pool_id = $1 FOR UPDATE';

/** Finishes the migration of the pool $1 at $3, if its last copy is $2 and no process works on the pool. */
export const FINISH_MOVE = `
UPDATE move.pools SET finished_ms = $3
WHERE identity_pool_id = $1 AND run_ms = $2 AND finished_ms IS NULL
  AND (lease_id IS NULL OR leased_until_ms <= $3::bigint OR leased_until_ms > $3::bigint + 3600000)`;

/** Counts the keys that must still be written at the origin. */
const countOwed = (moved: string) => `
SELECT count(*) AS keys FROM (${moved}) AS moved
JOIN move.datasets ON datasets.identity_row_id = moved.identity_row_id
JOIN move.pending ON pending.dataset_id = datasets.dataset_id
WHERE pending.there_count IS NULL`;

export const COUNT_OWED = countOwed(MOVED);

/** $2: the number of identities whose keys are counted. */
export const COUNT_SOME_OWED = countOwed(SOME_MOVED);

/** Counts the datasets of owned identities that were compared with the origin. */
const countAgreed = (moved: string) => `
SELECT count(*) AS datasets FROM (${moved}) AS moved
JOIN move.datasets ON datasets.identity_row_id = moved.identity_row_id`;

export const COUNT_AGREED = countAgreed(MOVED);

/** $2: the number of identities whose datasets are counted. */
export const COUNT_SOME_AGREED = countAgreed(SOME_MOVED);

/**
 * Saves that all events up to $2 are applied. The stream keeps an event for the time $3. If the time up to which all
 * events were applied before is older than that, events that were not applied may have expired: that is a gap. $4: now.
 */
export const SAVE_CAUGHT_UP = `
UPDATE move.pools SET
  gap_since_ms = CASE WHEN coalesce(caught_up_ms, run_ms) < $2::bigint - $3::bigint
    THEN coalesce(gap_since_ms, caught_up_ms, run_ms) ELSE gap_since_ms END,
  gap_seen_ms = CASE WHEN coalesce(caught_up_ms, run_ms) < $2::bigint - $3::bigint THEN $4::bigint ELSE gap_seen_ms END,
  caught_up_ms = $2::bigint
WHERE identity_pool_id = $1`;

/** $3: now. A copy that is in progress cannot repair the gap, because it may have read the missing data before. */
export const SAVE_GAP = `
UPDATE move.pools SET gap_since_ms = least(gap_since_ms, $2::bigint), gap_seen_ms = greatest(gap_seen_ms, $3::bigint)
WHERE identity_pool_id = $1`;

export const RELEASE_LEASE = `
UPDATE move.pools SET lease_id = NULL, lease_holder = NULL, leased_until_ms = NULL
WHERE identity_pool_id = $1 AND lease_id = $2`;

/** Rows that a step removes. Aurora DSQL changes at most 3,000 rows in a transaction. */
export const FORGET_ROWS = 2_500;

export const FORGET_CONFLICTS = `
DELETE FROM move.conflicts
WHERE conflict_id IN (
  SELECT conflict_id FROM move.conflicts WHERE identity_pool_id = $1 LIMIT ${FORGET_ROWS})`;

/** Must run before FORGET_AGREED: only the rows of move.datasets say to which identities the pending keys belong. */
export const FORGET_PENDING = `
DELETE FROM move.pending
WHERE (dataset_id, record_id) IN (
  SELECT pending.dataset_id, pending.record_id FROM move.identities
  JOIN move.datasets ON datasets.identity_row_id = identities.identity_row_id
  JOIN move.pending ON pending.dataset_id = datasets.dataset_id
  WHERE identities.identity_pool_id = $1 LIMIT ${FORGET_ROWS})`;

/** Must run before FORGET_IDENTITIES: only the rows of the identities name the pool. */
export const FORGET_AGREED = `
DELETE FROM move.datasets
WHERE dataset_id IN (
  SELECT datasets.dataset_id FROM move.identities
  JOIN move.datasets ON datasets.identity_row_id = identities.identity_row_id
  WHERE identities.identity_pool_id = $1 LIMIT ${FORGET_ROWS})`;

export const FORGET_IDENTITIES = `
DELETE FROM move.identities
WHERE identity_row_id IN (
  SELECT identity_row_id FROM move.identities WHERE identity_pool_id = $1 LIMIT ${FORGET_ROWS})`;

export interface MovedRow {
  identity_row_id: string;
  listed_run_ms: number | null;
  copied_run_ms: number | null;
  taken_over_ms: number | null;
}

export const READ_MOVED = `
SELECT identity_row_id, listed_run_ms, copied_run_ms, taken_over_ms
FROM move.identities WHERE identity_row_id = ANY ($1::uuid[])`;

/**
 * Locks the row of a moved identity. A takeover locks the row too, so that no change of the origin is applied after the
 * takeover.
 */
export const LOCK_MOVED = `
SELECT identity_row_id, listed_run_ms, copied_run_ms, taken_over_ms
FROM move.identities WHERE identity_row_id = $1
FOR UPDATE`;

/**
 * Marks identities as listed by the copy $2. Those with a time in $4 existed here before, and belong to this service. A
 * process that still works for an earlier copy must not undo the mark of a later one.
 */
export const MARK_LISTED = `
INSERT INTO move.identities AS stored (identity_row_id, identity_pool_id, listed_run_ms, taken_over_ms)
SELECT given.identity_row_id, $1::text, $2::bigint, given.taken_over_ms
FROM unnest($3::uuid[], $4::bigint[]) AS given (identity_row_id, taken_over_ms)
ORDER BY given.identity_row_id
ON CONFLICT (identity_row_id) DO UPDATE SET
  listed_run_ms = greatest(stored.listed_run_ms, excluded.listed_run_ms)`;

export const MARK_COPIED = 'UPDATE move.identities SET copied_run_ms = $2 WHERE identity_row_id = $1';

/** Counts identities, without the replicas that were deleted here. */
const countMoved = (moved: string, startedAt: string) => `
SELECT count(*) AS identities, count(taken_over_ms) AS taken_over,
  count(*) FILTER (WHERE copied_run_ms = ${startedAt}::bigint) AS copied
FROM (${moved}) AS moved
WHERE taken_over_ms IS NOT NULL OR deleted_ms IS NULL`;

/** $2: the copy whose identities are counted as copied. */
export const COUNT_MOVED = countMoved(MOVED, '$2');

/** $2: the number of identities that are counted. $3: the copy whose identities are counted as copied. */
export const COUNT_SOME_MOVED = countMoved(SOME_MOVED, '$3');

/** Marks the identity $1 as deleted here at $2, unless it was taken over. */
export const MARK_DELETED_REPLICA = `
UPDATE move.identities SET deleted_ms = $2
WHERE identity_row_id = $1 AND taken_over_ms IS NULL AND deleted_ms IS NULL`;
