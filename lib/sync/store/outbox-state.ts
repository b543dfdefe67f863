import type { Database } from '../../database/database.ts';

/** The state of the outbox, for metrics and alarms. */
export interface OutboxState {
  /** How long the oldest event has been waiting to be published, in milliseconds; 0 if no event is waiting. */
  oldestMs: number;
  /** Number of parked events, which only an operator can publish. */
  parked: number;
  /** The streams for which events are waiting, although no pool streams to them. Usually these streams were deleted. */
  unusedStreams: string[];
}

const IS_USED = `(outbox.stream_name IS NULL OR EXISTS (
    SELECT 1 FROM sync.identity_pools AS pool
    WHERE pool.stream_name = outbox.stream_name AND pool.streaming_status = 'ENABLED'))`;

/** Maximum number of rows that the statements read, so that no run of the relay reads a large outbox. */
const OLDEST_ROWS = 10_000;

// Uses the database's clock, because that clock wrote the dates.
const OLDEST = `
SELECT (extract(epoch FROM now() - min(created_at)) * 1000)::double precision AS age_ms
FROM (
  SELECT created_at, stream_name, parked_reason FROM sync.outbox ORDER BY created_at, outbox_id LIMIT ${OLDEST_ROWS}
) AS outbox
WHERE parked_reason IS NULL AND ${IS_USED}`;

// The statements do not see events that are newer than these rows. But these rows are themselves waiting, parked or for
// an unused stream, so the state still shows that something is wrong.
const HELD = `
SELECT count(outbox.parked_reason) AS parked,
  CASE WHEN count(*) > count(outbox.parked_reason) AND NOT ${IS_USED} THEN outbox.stream_name END AS unused_stream
FROM (
  SELECT stream_name, parked_reason FROM sync.outbox ORDER BY created_at, outbox_id LIMIT ${OLDEST_ROWS}
) AS outbox
GROUP BY outbox.stream_name
ORDER BY outbox.stream_name`;

/** Maximum number of events that are counted, so that a count never reads a whole large outbox. */
const MAX_COUNTED_EVENTS = 100_000;

const COUNT = `SELECT count(*) AS events FROM (SELECT 1 FROM sync.outbox LIMIT ${MAX_COUNTED_EVENTS}) AS outbox`;

/** Counts the events of the outbox, up to `MAX_COUNTED_EVENTS`: those that wait and those that are parked. */
export async function countOutboxEvents(database: Database): Promise<number> {
  const { rows } = await database.query<{ events: number }>(COUNT);
  return rows[0]?.events ?? 0;
}

/**
 * Reads the state of the outbox. Parked events do not count as waiting, because the relay does not retry them. The age of
 * an event counts only while a pool streams to the event's stream. The relay disables streaming to a deleted stream, whose
 * events wait until a stream of that name exists again. Until then, the stream is one of `unusedStreams`.
 *
 * Parked events and unused streams are found among the oldest 10,000 events.
 */
export async function readOutboxState(database: Database): Promise<OutboxState> {
  const oldest = await database.query<{ age_ms: number | null }>(OLDEST);
  const held = await database.query<{ parked: number; unused_stream: string | null }>(HELD);
  return {
    oldestMs: Math.max(0, Math.round(oldest.rows[0]?.age_ms ?? 0)),
    parked: held.rows.reduce((sum, row) => sum + row.parked, 0),
    unusedStreams: held.rows.flatMap((row) => row.unused_stream ?? []),
  };
}
