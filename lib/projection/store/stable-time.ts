import { SetupError } from '../../common/errors.ts';
import { type Database, DatabaseError } from '../../database/database.ts';
import { isIndexReady } from './optional-indexes.ts';
import { FROM_WRITERS } from './write-time.ts';

interface StableTime {
  /**
   * The time before which no more changes can appear, as text with full precision; `-infinity` if a standby server has
   * replayed no transaction since it started.
   */
  until: string;
  /** The same time in epoch milliseconds, rounded down; null for `-infinity`. */
  untilMs: number | null;
  /** Whether the optional index `changes` answers queries. */
  isIndexed: boolean;
  /** Whether the reader's position is later than the clock of the server. */
  isAhead: boolean;
}

/**
 * How long a transaction can write. Used where a query cannot see which transactions still write. Aurora DSQL ends
 * transactions after five minutes. On PostgreSQL, this program's own timeouts end a write of records in less than a
 * minute, also for the commands of the operator. Source: Aurora DSQL User Guide, "Quotas".
 */
const LONGEST_WRITE = "interval '5 minutes'";

/**
 * Maximum age of a writer's lock. An older lock belongs to another program, which would stop the feed as long as it
 * holds the lock. This age is far above the timeouts of a writer, because no timeout ends a commit that waits for a
 * synchronous standby server. Source: PostgreSQL manual, "Synchronous Replication".
 */
const OLDEST_LOCK = "interval '1 day'";

/** The stable time of a standby server; null until it has replayed a transaction. */
const REPLAYED = `pg_last_xact_replay_timestamp() - ${LONGEST_WRITE}`;

/**
 * An SQL expression: the stable time of the server that runs the statement, if it is a standby server, otherwise null. A
 * statement that reads changes needs it in addition to the stable time of an earlier statement: a pooler or a DNS name can
 * distribute the statements over several servers, and this server can be behind the server of the earlier statement.
 */
export const STANDBY_TIME = `(SELECT CASE WHEN pg_is_in_recovery()
    THEN coalesce(${REPLAYED}, '-infinity') END)`;

/** A statement that reads a stable time. */
const readTime = (time: string) => `
SELECT until::text AS until, floor(extract(epoch FROM until) * 1000)::bigint AS until_ms, is_ahead,
  ${isIndexReady('changes')} AS is_indexed
FROM (SELECT ${time}) AS stable`;

/**
 * Reads now, or the start of the oldest transaction that still writes records. $1: the reader's position. A standby
 * server shows neither the writers nor the newest changes; until it has replayed a transaction, the statement returns
 * null.
 */
const READ = readTime(
  `CASE
    WHEN pg_is_in_recovery() THEN ${REPLAYED}
    ELSE least(now(), min(started_at) FILTER (WHERE started_at > now() - ${OLDEST_LOCK}))
  END AS until, NOT pg_is_in_recovery() AND $1::text::timestamptz > now() AS is_ahead ${FROM_WRITERS}`,
);

/**
 * Aurora DSQL does not show which transactions still write, so a change can appear until LONGEST_WRITE has passed. A clock
 * that is set back by less than this time hides no change.
 */
const READ_ON_DSQL = readTime(`now() - ${LONGEST_WRITE} AS until, $1::text::timestamptz > now() AS is_ahead`);

/**
 * SQLSTATE of a function that the server does not support. Readers of Aurora PostgreSQL are reported to reject
 * pg_last_xact_replay_timestamp() with it; Amazon's documentation does not mention this. Source:
 * github.com/prometheus-community/postgres_exporter, issue 1273.
 */
const NOT_SUPPORTED = '0A000';
const OTHER_SERVER =
  'this database server cannot tell up to which time it has all changes; connect to the primary server instead, on Aurora PostgreSQL with the endpoint of the cluster';

interface StableRow {
  until: string | null;
  until_ms: number | null;
  is_indexed: boolean;
  is_ahead: boolean | null;
}

/**
 * Reads up to which time the changes are complete, in the order of `projected_at`. A later statement on the same server
 * sees all changes before this time, because it sees the rows of all writers that have ended. One statement could not do
 * both: a writer could end after the statement's snapshot, but before the statement reads the locks of the writers.
 *
 * @param position the time up to which the caller has read the changes, as text; null if it has not read any
 * @throws {ValueRefusedError} the position is not a time
 * @throws {SetupError} the server cannot tell; the message says which server to use
 */
export async function readStableTime(on: Database, position: string | null): Promise<StableTime> {
  const reading = on.query<StableRow>(on.dialect === 'dsql' ? READ_ON_DSQL : READ, [position]);
  const [row] = (await reading.catch(throwUnsupported)).rows;
  return {
    until: row?.until ?? '-infinity',
    untilMs: row?.until_ms ?? null,
    isIndexed: row?.is_indexed === true,
    isAhead: row?.is_ahead === true,
  };
}

/** @throws {SetupError} the server cannot tell the stable time; otherwise throws the given error */
export function throwUnsupported(error: unknown): never {
  throw error instanceof DatabaseError && error.code === NOT_SUPPORTED ? new SetupError(OTHER_SERVER) : error;
}
