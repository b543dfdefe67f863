import type { Database } from '../../database/database.ts';
import type { PayloadStore } from '../ports/payload-store.ts';

/** Payloads are large, and a statement is not to take long. */
const REMOVE_ROWS = 100;

const REMOVE_EXPIRED = `
DELETE FROM sync.payloads
WHERE payload_id IN (
  SELECT payload_id FROM sync.payloads WHERE expires_ms < $1 ORDER BY expires_ms LIMIT ${REMOVE_ROWS})`;

/** The payloads of offloaded events in SQL, on any `Database`; the sync store and bulk publishes put them there. */
export function createPayloadStore(database: Database): PayloadStore {
  return {
    async read(payloadId) {
      const { rows } = await database.query<{ body: string }>(
        'SELECT body FROM sync.payloads WHERE payload_id = $1',
        [payloadId],
      );
      return rows[0]?.body ?? null;
    },

    async removeExpired(time) {
      return (await database.query(REMOVE_EXPIRED, [time])).rowsChanged;
    },
  };
}
