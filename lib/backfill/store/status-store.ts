import type { Database } from '../../database/database.ts';
import type { LastReconciliation, QuarantineCount, StatusStore } from '../ports/status-store.ts';
import type { GapRow } from './publish-statements.ts';
import { toGap } from './publish-store.ts';

const READ_GAPS = `
SELECT identity_pool_id, since_ms, cause, until_ms, mended_ms FROM projection.gaps
ORDER BY identity_pool_id, since_ms`;

const READ_RECONCILIATIONS = `
SELECT identity_pool_id, started_ms, finished_ms, compared, repaired FROM projection.reconciliations`;

interface ReconciliationRow {
  identity_pool_id: string;
  started_ms: number;
  finished_ms: number | null;
  compared: number;
  repaired: number;
}

const COUNT_QUARANTINED = `
SELECT identity_pool_id, split_part(reason, ':', 1) AS word, count(*) AS events
FROM projection.quarantine
WHERE redriven_at IS NULL
GROUP BY 1, 2
ORDER BY 1, 2`;

const READ_PROGRESS = `
SELECT stream_name, shard_id, sequence_number, arrived_at, projected_at FROM projection.stream_progress
ORDER BY stream_name, shard_id`;

interface ProgressRow {
  stream_name: string;
  shard_id: string;
  sequence_number: string | null;
  arrived_at: Date | null;
  projected_at: Date;
}

// Omits pools that occur only in projection.datasets, because finding them would read that entire table.
const LIST_POOLS = `
SELECT identity_pool_id FROM projection.pool_streaming
UNION SELECT identity_pool_id FROM projection.bulk_publishes
UNION SELECT identity_pool_id FROM projection.gaps
UNION SELECT identity_pool_id FROM projection.reconciliations
ORDER BY 1`;

/** Creates a `StatusStore` on any `Database`. */
export function createStatusStore(database: Database): StatusStore {
  return {
    async readGaps() {
      return (await database.query<GapRow>(READ_GAPS)).rows.map(toGap);
    },

    async readReconciliations() {
      const { rows } = await database.query<ReconciliationRow>(READ_RECONCILIATIONS);
      return rows.map(
        ({ identity_pool_id, started_ms, finished_ms, compared, repaired }): LastReconciliation => ({
          identityPoolId: identity_pool_id,
          startedAt: started_ms,
          finishedAt: finished_ms,
          compared,
          repaired,
        }),
      );
    },

    async countQuarantinedByReason() {
      const { rows } = await database.query<{
        identity_pool_id: string | null;
        word: string;
        events: number;
      }>(COUNT_QUARANTINED);
      return rows.map(
        ({ identity_pool_id, word, events }): QuarantineCount => ({
          identityPoolId: identity_pool_id,
          reason: word,
          events,
        }),
      );
    },

    async readProgress() {
      const { rows } = await database.query<ProgressRow>(READ_PROGRESS);
      return rows.map((row) => ({
        streamName: row.stream_name,
        shardId: row.shard_id,
        sequenceNumber: row.sequence_number,
        arrivedAt: row.arrived_at?.getTime() ?? null,
        projectedAt: row.projected_at.getTime(),
      }));
    },

    async listKnownPools() {
      const { rows } = await database.query<{ identity_pool_id: string }>(LIST_POOLS);
      return rows.map((row) => row.identity_pool_id);
    },
  };
}
