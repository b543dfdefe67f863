import { plainArray } from '../../database/array-literal.ts';
import type { Database, SqlValue } from '../../database/database.ts';
import type { Outbox, OutboxRow, OutboxStream, SingleClaim, StreamChoice } from '../ports/outbox.ts';
import { transact } from './transact.ts';

export interface OutboxStore extends Outbox, SingleClaim {
  /** Counts the rows to publish, including rows under a lease, and the rows that are no longer retried (parked). */
  count(): Promise<{ waiting: number; parked: number }>;
}

// A claim of this size, with its partition keys, fits into one PutRecords request (5 MiB).
const MAX_CLAIM_BYTES = 4 * 1024 * 1024;

// Returns SQL that checks whether a lease with this end is still valid. No lease lasts an hour: if a lease ends more
// than an hour from now, the clock was set back after the claim, and the lease counts as expired.
const isValid = (end: string) => `${end} > now() AND ${end} <= now() + interval '1 hour'`;

/**
 * SQL that returns the size of an event. The size is stored in `event_bytes`, because octet_length would read the whole
 * event on Aurora DSQL. An older version of the service wrote rows without `event_bytes`.
 */
export const EVENT_BYTES = 'coalesce(outbox.event_bytes, octet_length(outbox.event))';

// Leases have a table of their own, because an update of an outbox row would copy the row's event. Only rows that an
// older version of the service claimed have a lease in the outbox itself.
//
// Two claims can choose the same rows. The second claim then waits for the first claim and skips these rows, because DO
// UPDATE checks the lease that the first claim stored. SKIP LOCKED would avoid the wait, but it is unknown whether Aurora
// DSQL supports it.
const OLDEST = `
FROM (
  SELECT outbox_id, attempts, row_number() OVER oldest_first AS place, sum(bytes) OVER oldest_first AS bytes
  FROM (
    SELECT outbox.outbox_id, outbox.created_at, outbox.attempts, ${EVENT_BYTES} AS bytes
    FROM sync.outbox
    WHERE outbox.parked_reason IS NULL
      AND (outbox.leased_until IS NULL OR NOT (${isValid('outbox.leased_until')}))
      AND (coalesce(outbox.stream_name, '') = ANY ($2::text[])) = $3::boolean
      AND NOT EXISTS (
        SELECT 1 FROM sync.outbox_leases AS held
        WHERE held.outbox_id = outbox.outbox_id AND ${isValid('held.leased_until')})
    ORDER BY outbox.created_at, outbox.outbox_id
    LIMIT $1::integer
  ) AS oldest
  WINDOW oldest_first AS (ORDER BY created_at, outbox_id)
) AS placed`;

const IS_WITHIN_CLAIM = `(place = 1 OR bytes <= ${MAX_CLAIM_BYTES})`;

const LEASE = `
INSERT INTO sync.outbox_leases AS stored (outbox_id, leased_until, attempts)
SELECT outbox_id, now() + $4::double precision * interval '1 millisecond', attempts + 1${OLDEST}
WHERE ${IS_WITHIN_CLAIM}
ON CONFLICT (outbox_id) DO UPDATE SET leased_until = excluded.leased_until, attempts = stored.attempts + 1
WHERE NOT (${isValid('stored.leased_until')})
RETURNING outbox_id, attempts`;

const LEASE_ONE = `
INSERT INTO sync.outbox_leases AS stored (outbox_id, leased_until, attempts)
SELECT outbox.outbox_id, now() + $2::double precision * interval '1 millisecond', outbox.attempts + 1
FROM sync.outbox
WHERE outbox.outbox_id = $1::uuid AND outbox.parked_reason IS NULL
ON CONFLICT (outbox_id) DO UPDATE SET leased_until = excluded.leased_until, attempts = stored.attempts + 1
WHERE NOT (${isValid('stored.leased_until')})
RETURNING outbox_id, attempts`;

const readClaimed = (claimed: string) => `
SELECT outbox.outbox_id, outbox.stream_name, outbox.partition_key, outbox.event, outbox.attempts AS rejections,
  claimed.attempts
FROM ${claimed} JOIN sync.outbox ON outbox.outbox_id = claimed.outbox_id
ORDER BY outbox.created_at, outbox.outbox_id`;

const CLAIM = `WITH claimed AS (${LEASE})${readClaimed('claimed')}`;
const CLAIM_ONE = `WITH claimed AS (${LEASE_ONE})${readClaimed('claimed')}`;

const READ_OLDEST = `
SELECT outbox.outbox_id, outbox.stream_name, outbox.partition_key, outbox.event, outbox.attempts AS rejections,
  now() AS read_at${OLDEST}
JOIN sync.outbox ON outbox.outbox_id = placed.outbox_id
WHERE ${IS_WITHIN_CLAIM}
ORDER BY outbox.created_at, outbox.outbox_id`;

const READ_ONE = `
SELECT outbox_id, stream_name, partition_key, event, attempts AS rejections, now() AS read_at
FROM sync.outbox
WHERE outbox_id = $1::uuid AND parked_reason IS NULL`;

const INSERT_LEASES = `
INSERT INTO sync.outbox_leases (outbox_id, leased_until, attempts)
SELECT outbox_id, $2::timestamptz, attempts + 1
FROM sync.outbox
WHERE outbox_id = ANY ($1::uuid[]) AND parked_reason IS NULL
ON CONFLICT (outbox_id) DO NOTHING
RETURNING outbox_id, attempts`;

/** Also returns the leases that this claim has already written, if the answer was lost. They count as one attempt. */
const RENEW_LEASES = `
UPDATE sync.outbox_leases
SET leased_until = $2::timestamptz, attempts = attempts + CASE WHEN leased_until = $2::timestamptz THEN 0 ELSE 1 END
WHERE outbox_id = ANY ($1::uuid[]) AND (leased_until = $2::timestamptz OR NOT (${isValid('leased_until')}))
RETURNING outbox_id, attempts`;

const REMOVE_EVENTS = 'DELETE FROM sync.outbox WHERE outbox_id = ANY ($1::uuid[])';
const REMOVE_LEASES = 'DELETE FROM sync.outbox_leases WHERE outbox_id = ANY ($1::uuid[])';
const REMOVE = `WITH ended AS (${REMOVE_LEASES}) ${REMOVE_EVENTS}`;

// The number of attempts identifies the claim. If another relay has claimed the row since, that relay keeps its lease.
const POSTPONE = `
UPDATE sync.outbox_leases
SET leased_until = now() + failed.delay_ms * interval '1 millisecond'
FROM unnest($1::uuid[], $2::integer[], $3::double precision[]) AS failed (outbox_id, attempts, delay_ms)
WHERE outbox_leases.outbox_id = failed.outbox_id AND outbox_leases.attempts = failed.attempts`;

// In the outbox, `attempts` counts only rejections: any other failure says nothing about the event. Rows that an older
// version claimed contain all its attempts, so such a row can be parked earlier. The update copies the event, but
// rejections are rare. The number is absolute, so that the statement can be repeated.
const COUNT_REJECTION = `
UPDATE sync.outbox SET attempts = rejected.rejections
FROM unnest($1::uuid[], $2::integer[]) AS rejected (outbox_id, rejections)
WHERE outbox.outbox_id = rejected.outbox_id`;

// To retry the row, an operator resets the reason and the number of rejections (docs/self-host.md).
const PARK = 'UPDATE sync.outbox SET parked_reason = $2 WHERE outbox_id = $1';

interface ClaimedRow {
  outbox_id: string;
  stream_name: string | null;
  partition_key: string;
  event: string;
  attempts: number;
  rejections: number;
}

/** Creates the relay's side of the outbox, on any `Database`. The sync store writes the rows. */
export function createOutboxStore(database: Database): OutboxStore {
  const isPlain = database.dialect === 'dsql';
  return {
    async claim(limit, leaseMs, of = { allBut: [] }) {
      const values = [limit, ...toStreams(of)];
      const rows = isPlain
        ? await claimPlainly(database, READ_OLDEST, values, leaseMs)
        : (await database.query<ClaimedRow>(CLAIM, [...values, leaseMs])).rows;
      return rows.map(toOutboxRow);
    },

    async claimOne(outboxId, leaseMs) {
      const rows = isPlain
        ? await claimPlainly(database, READ_ONE, [outboxId], leaseMs)
        : (await database.query<ClaimedRow>(CLAIM_ONE, [outboxId, leaseMs])).rows;
      return rows[0] ? toOutboxRow(rows[0]) : null;
    },

    async remove(outboxIds) {
      for (const sql of isPlain ? [REMOVE_EVENTS, REMOVE_LEASES] : [REMOVE]) {
        await database.query(sql, [[...outboxIds]]);
      }
    },

    async postpone(claims) {
      await database.query(POSTPONE, [
        claims.map(({ outboxId }) => outboxId),
        claims.map(({ attempts }) => attempts),
        claims.map(({ delayMs }) => delayMs),
      ]);
    },

    async countRejection(rejected) {
      await database.query(COUNT_REJECTION, [
        rejected.map(({ outboxId }) => outboxId),
        rejected.map(({ rejections }) => rejections + 1),
      ]);
    },

    async park(outboxId, reason) {
      await transact(database, async (transaction) => {
        await transaction.query(PARK, [outboxId, reason]);
        await transaction.query(REMOVE_LEASES, [[outboxId]]);
      });
    },

    async count() {
      const { rows } = await database.query<{ waiting: number; parked: number }>(
        'SELECT count(*) - count(parked_reason) AS waiting, count(parked_reason) AS parked FROM sync.outbox',
      );
      return rows[0] ?? { waiting: 0, parked: 0 };
    },
  };
}

/**
 * Claims rows in several statements, because it is unknown whether a WITH that changes data, or a condition of DO
 * UPDATE, works on Aurora DSQL. Reads the rows, and returns those of which this claim wrote the lease. The end of a
 * lease also tells which claim wrote it, so a statement can be repeated if its answer is lost.
 */
async function claimPlainly(
  database: Database,
  read: string,
  values: readonly SqlValue[],
  leaseMs: number,
): Promise<ClaimedRow[]> {
  const { rows } = await database.query<Omit<ClaimedRow, 'attempts'> & { read_at: Date }>(read, values);
  const [first] = rows;
  if (!first) return [];
  const leasedUntil = endOfLease(first.read_at, leaseMs);
  const attempts = new Map<string, number>();
  const ids = plainArray(rows.map((row) => row.outbox_id));
  for (const lease of [INSERT_LEASES, RENEW_LEASES]) {
    if (attempts.size === rows.length) break;
    const leased = await database.query<Pick<ClaimedRow, 'outbox_id' | 'attempts'>>(lease, [
      ids,
      leasedUntil,
    ]);
    for (const row of leased.rows) attempts.set(row.outbox_id, row.attempts);
  }
  return rows.flatMap((row) => {
    const claimed = attempts.get(row.outbox_id);
    return claimed === undefined ? [] : [{ ...row, attempts: claimed }];
  });
}

/** Returns the end of a lease. Its microseconds are random, so that two claims rarely choose the same end. */
function endOfLease(readAt: Date, leaseMs: number): string {
  const microseconds = String(Math.floor(Math.random() * 1000)).padStart(3, '0');
  return new Date(readAt.getTime() + leaseMs).toISOString().replace('Z', `${microseconds}Z`);
}

/**
 * Returns a list of streams, and whether to claim the rows of these streams or all other rows. In the list, '' stands
 * for the stream null, because no stream has an empty name.
 */
function toStreams(of: StreamChoice): [streams: string[], theirs: boolean] {
  const named = (stream: OutboxStream) => stream ?? '';
  return 'only' in of ? [[named(of.only)], true] : [of.allBut.map(named), false];
}

function toOutboxRow(row: ClaimedRow): OutboxRow {
  return {
    outboxId: row.outbox_id,
    streamName: row.stream_name,
    partitionKey: row.partition_key,
    event: row.event,
    attempts: row.attempts,
    rejections: row.rejections,
  };
}
