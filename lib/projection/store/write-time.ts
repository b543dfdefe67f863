// The feed of changes (`/query/changes`) lists records in the order of `projected_at`, page by page. A transaction that
// committed late must not add a row before the end of a page that was already read. So a writer of records on
// PostgreSQL takes a shared advisory lock until its transaction ends, and chooses `projected_at` after it has the lock.
// The key of the lock contains the time at which the writer asked for it. To find the time up to which all rows are
// complete, a reader takes the current time and then lists the locks. A writer that has no lock yet will choose a later
// time. A writer that has a lock has chosen a time after that of its key. A writer whose lock is gone has committed, so
// the reader's next statement sees its rows. This is exact as long as the clock of the server never goes back, and
// needs no rights: every user may read pg_locks. A reader whose position is later than the clock receives an error.
//
// Shared locks never wait for each other. Source: PostgreSQL manual, "Advisory Locks" and "pg_locks".

/** The upper 16 bits of the key of a writer's lock. The lower 48 bits are epoch milliseconds. */
const WRITERS = 17_235;

/** An SQL expression: takes the lock of a writer and then returns the time for `projected_at`, once per statement. */
export const LOCKED_WRITE_TIME = `(SELECT CASE WHEN pg_advisory_xact_lock_shared(
    (${WRITERS}::bigint << 48) | floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
  ) IS NOT NULL THEN clock_timestamp() END)`;

/** An SQL expression: the time for `projected_at` on Aurora DSQL, which has no advisory locks. */
export const UNLOCKED_WRITE_TIME = 'now()';

/**
 * The FROM clause of an SQL statement that reads the locks of the writers of records. `started_at` is the time before
 * which a writer writes no row.
 */
export const FROM_WRITERS = `
FROM (
  SELECT 'epoch'::timestamptz
      + (((classid::bigint << 32) | objid::bigint) & ((1::bigint << 48) - 1)) * interval '1 millisecond' AS started_at
  FROM pg_locks
  WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = ${WRITERS}
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
) AS writers`;
