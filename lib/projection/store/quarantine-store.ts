import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import type { QuarantinedDelivery, QuarantineStore } from '../ports/quarantine-store.ts';

interface QuarantineRow {
  quarantine_id: string;
  reason: string;
  identity_pool_id: string | null;
  quarantined_at: Date;
  redriven_at: Date | null;
  is_dismissed: boolean | null;
  stream_name: string;
  shard_id: string;
  sequence_number: string;
  arrived_at: Date;
  payload: Uint8Array;
}

const COLUMNS = `quarantine_id, reason, identity_pool_id, quarantined_at, redriven_at, is_dismissed, stream_name,
  shard_id, sequence_number, arrived_at, payload`;

const READ = `
SELECT ${COLUMNS}
FROM projection.quarantine
WHERE redriven_at IS NULL AND (arrived_at, quarantine_id) > ($1::timestamptz, $2::uuid)
ORDER BY arrived_at, quarantine_id
LIMIT $3::bigint`;

const FIND = `SELECT ${COLUMNS} FROM projection.quarantine WHERE quarantine_id = $1::uuid`;

const FIND_IDS = `
SELECT quarantine_id FROM projection.quarantine
WHERE quarantine_id BETWEEN $1::uuid AND $2::uuid
ORDER BY quarantine_id
LIMIT $3::bigint`;

const DISMISS = `
UPDATE projection.quarantine SET redriven_at = now(), is_dismissed = true
WHERE quarantine_id = ANY ($1::uuid[]) AND redriven_at IS NULL
RETURNING quarantine_id`;

/** An event that was projected in the meantime, for example after an operator had edited it, is not dismissed. */
const MARK = `
UPDATE projection.quarantine SET redriven_at = now(), is_dismissed = $2::boolean
WHERE quarantine_id = $1::uuid AND (redriven_at IS NULL OR NOT $2::boolean)`;

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
      return rows.map(toDelivery);
    },

    async find(quarantineId) {
      const { rows } = await database.query<QuarantineRow>(FIND, [quarantineId]);
      return rows[0] ? toDelivery(rows[0]) : null;
    },

    async findIds({ lowest, highest }, limit) {
      const { rows } = await database.query<QuarantineRow>(FIND_IDS, [lowest, highest, limit]);
      return rows.map((row) => row.quarantine_id);
    },

    async dismiss(quarantineIds) {
      const { rows } = await database.query(DISMISS, [plainArray(quarantineIds)]);
      return rows.length;
    },

    async markRedriven(quarantineId, { isDismissed }) {
      await database.query(MARK, [quarantineId, isDismissed]);
    },

    async keepReason(quarantineId, reason) {
      await database.query('UPDATE projection.quarantine SET reason = $2 WHERE quarantine_id = $1', [
        quarantineId,
        reason,
      ]);
    },
  };
}

function toDelivery(row: QuarantineRow): QuarantinedDelivery {
  return {
    quarantineId: row.quarantine_id,
    reason: row.reason,
    identityPoolId: row.identity_pool_id,
    quarantinedAt: row.quarantined_at.getTime(),
    redrivenAt: row.redriven_at?.getTime() ?? null,
    isDismissed: row.is_dismissed,
    delivery: {
      position: {
        streamName: row.stream_name,
        shardId: row.shard_id,
        sequenceNumber: row.sequence_number,
        arrivedAt: row.arrived_at.getTime(),
      },
      data: row.payload,
    },
  };
}
