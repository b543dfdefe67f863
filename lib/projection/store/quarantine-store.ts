import type { Database } from '../../database/database.ts';
import type { QuarantineStore } from '../ports/quarantine-store.ts';

interface QuarantineRow {
  quarantine_id: string;
  reason: string;
  stream_name: string;
  shard_id: string;
  sequence_number: string;
  arrived_at: Date;
  payload: Uint8Array;
}

const READ = `
SELECT quarantine_id, reason, stream_name, shard_id, sequence_number, arrived_at, payload
FROM projection.quarantine
WHERE redriven_at IS NULL AND (arrived_at, quarantine_id) > ($1::timestamptz, $2::uuid)
ORDER BY arrived_at, quarantine_id
LIMIT $3::bigint`;

const FIRST = {
  arrivedAt: new Date('0001-01-01T00:00:00Z'),
  quarantineId: '00000000-0000-0000-0000-000000000000',
};

/** Creates the quarantine store on any `Database`. */
export function createQuarantineStore(database: Database): QuarantineStore {
  return {
    async readQuarantined(after, limit) {
      const { arrivedAt, quarantineId } = after
        ? { arrivedAt: new Date(after.delivery.position.arrivedAt), quarantineId: after.quarantineId }
        : FIRST;
      const { rows } = await database.query<QuarantineRow>(READ, [arrivedAt, quarantineId, limit]);
      return rows.map((row) => ({
        quarantineId: row.quarantine_id,
        reason: row.reason,
        delivery: {
          position: {
            streamName: row.stream_name,
            shardId: row.shard_id,
            sequenceNumber: row.sequence_number,
            arrivedAt: row.arrived_at.getTime(),
          },
          data: row.payload,
        },
      }));
    },

    async markRedriven(quarantineId) {
      await database.query('UPDATE projection.quarantine SET redriven_at = now() WHERE quarantine_id = $1', [
        quarantineId,
      ]);
    },

    async keepReason(quarantineId, reason) {
      await database.query('UPDATE projection.quarantine SET reason = $2 WHERE quarantine_id = $1', [
        quarantineId,
        reason,
      ]);
    },
  };
}
