import type { Database } from '../../database/database.ts';

// The database's clock, because its clock wrote the dates.
const OLDEST = `
SELECT (extract(epoch FROM now() - created_at) * 1000)::double precision AS age_ms
FROM sync.outbox
WHERE parked_reason IS NULL
  AND (stream_name IS NULL OR EXISTS (
    SELECT 1 FROM sync.identity_pools AS pool
    WHERE pool.stream_name = outbox.stream_name AND pool.streaming_status = 'ENABLED'))
ORDER BY created_at
LIMIT 1`;

/**
 * Reads how long the oldest event has been waiting to be published, in milliseconds; 0 if no event is waiting. Parked
 * events do not count, because the relay does not retry them. The events of a stream count only while a pool streams to
 * it: the relay disables streaming to a deleted stream, and its events wait until a stream of that name exists again.
 */
export async function readOutboxAge(database: Database): Promise<number> {
  const { rows } = await database.query<{ age_ms: number }>(OLDEST);
  return Math.max(0, Math.round(rows[0]?.age_ms ?? 0));
}
