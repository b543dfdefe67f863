import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import { transact } from './transact.ts';

/** Maximum number of payloads per call: a payload can have several megabytes, and a step must not take long. */
export const PAYLOADS_PER_STEP = 16;

const READ = `
SELECT 0 AS part, body FROM sync.payloads WHERE payload_id = $1
UNION ALL
SELECT part, body FROM sync.payload_parts WHERE payload_id = $1
ORDER BY part`;

const EXTEND = 'UPDATE sync.payloads SET expires_ms = $2 WHERE payload_id = ANY ($1::uuid[])';

const LIST_EXPIRED = `
SELECT payload_id FROM sync.payloads
WHERE expires_ms < $1
  AND NOT EXISTS (SELECT 1 FROM sync.outbox WHERE outbox.outbox_id = payloads.outbox_id)
ORDER BY expires_ms
LIMIT ${PAYLOADS_PER_STEP}`;

const REMOVE_PARTS = 'DELETE FROM sync.payload_parts WHERE payload_id = $1';

const REMOVE = 'DELETE FROM sync.payloads WHERE payload_id = $1';

/**
 * Creates the store of the payloads of offloaded events, on any `Database`. The sync store, merges and bulk publishes
 * write the payloads.
 */
export function createPayloadStore(database: Database): PayloadStore {
  return {
    async read(payloadId) {
      const { rows } = await database.query<{ body: string }>(READ, [payloadId]);
      return rows.length === 0 ? null : rows.map(({ body }) => body).join('');
    },

    remove: (payloadId) => removePayload(database, payloadId),

    async extend(payloadIds, expiresAt) {
      await database.query(EXTEND, [plainArray(payloadIds), expiresAt]);
    },

    async removeExpired(time) {
      const { rows } = await database.query<{ payload_id: string }>(LIST_EXPIRED, [time]);
      for (const row of rows) await removePayload(database, row.payload_id);
      return rows.length;
    },
  };
}

/**
 * Deletes a payload with all its parts in one transaction, so that no reader finds a part of a payload. The transaction
 * is within the limit of Aurora DSQL, 10 MiB: a payload has at most 8 MiB (lib/sync/jobs/split-records.ts). An id that
 * does not exist is ignored.
 */
export async function removePayload(database: Database, payloadId: string): Promise<void> {
  await transact(database, async (transaction) => {
    await transaction.query(REMOVE_PARTS, [payloadId]);
    await transaction.query(REMOVE, [payloadId]);
  });
}
