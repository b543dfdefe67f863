import type { Database } from '../../database/database.ts';
import type { PayloadStore } from '../ports/payload-store.ts';

/** Rows per statement: payloads are large, and a statement must not take long. */
const REMOVE_ROWS = 100;

const REMOVE_EXPIRED = `
DELETE FROM sync.payloads
WHERE payload_id IN (
  SELECT payload_id FROM sync.payloads WHERE expires_ms < $1 ORDER BY expires_ms LIMIT ${REMOVE_ROWS})`;

/**
 * Creates the store of the payloads of offloaded events, on any `Database`. The sync store, merges and bulk publishes
 * write the payloads.
 */
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
