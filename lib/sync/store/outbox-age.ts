import type { Database } from '../../database/database.ts';

// The database's clock, because its clock wrote the dates.
const OLDEST = `
SELECT (extract(epoch FROM now() - created_at) * 1000)::double precision AS age_ms
FROM sync.outbox
WHERE parked_reason IS NULL
ORDER BY created_at
LIMIT 1`;

/**
 * Reads how long the oldest event has been waiting to be published, in milliseconds; 0 if no event is waiting. Parked
 * events do not count, because the relay does not retry them.
 */
export async function readOutboxAge(database: Database): Promise<number> {
  const { rows } = await database.query<{ age_ms: number }>(OLDEST);
  return Math.max(0, Math.round(rows[0]?.age_ms ?? 0));
}
