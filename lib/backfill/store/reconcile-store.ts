import type { Database } from '../../database/database.ts';
import { datasetId } from '../../database/row-ids.ts';
import type {
  KnownDataset,
  KnownRecord,
  ReconcilePosition,
  ReconcileStore,
} from '../ports/reconcile-store.ts';

interface ReconciliationRow {
  started_ms: number;
  after_identity_id: string | null;
  after_dataset_name: string | null;
  compared: number;
  repaired: number;
}

interface KnownRow {
  dataset_ms: number;
  dataset_sync_count: number;
  removed_ms: number | null;
  removed_sync_count: number | null;
  record_key: string | null;
  last_modified_ms: number | null;
  sync_count: number | null;
  has_value: boolean;
}

// $3: restart. If false, an unfinished reconciliation is left unchanged, and the caller resumes it.
const BEGIN = `
INSERT INTO projection.reconciliations AS stored (identity_pool_id, started_ms, compared, repaired)
VALUES ($1, $2, 0, 0)
ON CONFLICT (identity_pool_id) DO UPDATE SET
  started_ms = excluded.started_ms,
  after_identity_id = NULL,
  after_dataset_name = NULL,
  compared = 0,
  repaired = 0,
  finished_ms = NULL
WHERE $3::boolean OR stored.finished_ms IS NOT NULL`;

const READ = `
SELECT started_ms, after_identity_id, after_dataset_name, compared, repaired
FROM projection.reconciliations WHERE identity_pool_id = $1`;

const SAVE_POSITION = `
UPDATE projection.reconciliations
SET after_identity_id = $3, after_dataset_name = $4, compared = $5, repaired = $6
WHERE identity_pool_id = $1 AND started_ms = $2 AND finished_ms IS NULL`;

const FINISH = `
UPDATE projection.reconciliations SET compared = $3, repaired = $4, finished_ms = $5
WHERE identity_pool_id = $1 AND started_ms = $2`;

// Marks the gaps that ended before this reconciliation started ($2) as repaired. This includes gaps whose stored end is
// in the future: they have ended, too, but the clock was set back since then.
const REPAIR_GAPS = `
UPDATE projection.gaps SET mended_ms = $3
WHERE identity_pool_id = $1 AND (until_ms <= $2 OR until_ms > $3) AND mended_ms IS NULL`;

const LIST_IDENTITIES = `
SELECT identity_id FROM projection.datasets
WHERE identity_pool_id = $1 AND identity_id > $2
GROUP BY identity_id
ORDER BY identity_id
LIMIT $3::bigint`;

const LIST_NAMES = `
SELECT dataset_name FROM projection.datasets WHERE identity_pool_id = $1 AND identity_id = $2`;

// Use a single statement, so that the dataset and its records are from the same snapshot.
const READ_DATASET = `
SELECT
  datasets.last_modified_ms AS dataset_ms,
  datasets.sync_count AS dataset_sync_count,
  datasets.removed_ms,
  datasets.removed_sync_count,
  records.record_key,
  records.last_modified_ms,
  records.sync_count,
  records.record_value IS NOT NULL AS has_value
FROM projection.datasets LEFT JOIN projection.records ON records.dataset_id = datasets.dataset_id
WHERE datasets.dataset_id = $1`;

/** Creates a `ReconcileStore` on any `Database`. */
export function createReconcileStore(database: Database): ReconcileStore {
  return {
    async beginReconciliation(identityPoolId, now, { restart }) {
      await database.query(BEGIN, [identityPoolId, now, restart]);
      const { rows } = await database.query<ReconciliationRow>(READ, [identityPoolId]);
      return rows[0] ? toPosition(rows[0]) : { startedAt: now, after: null, compared: 0, repaired: 0 };
    },

    async saveReconciliation(identityPoolId, { startedAt, after, compared, repaired }) {
      const { identityId = null, datasetName = null } = after ?? {};
      await database.query(SAVE_POSITION, [
        identityPoolId,
        startedAt,
        identityId,
        datasetName,
        compared,
        repaired,
      ]);
    },

    async finishReconciliation(identityPoolId, { startedAt, compared, repaired }, now) {
      // Update the gaps first. If the process stops between the two statements, the next call finishes the
      // reconciliation again.
      const { rowsChanged } = await database.query(REPAIR_GAPS, [identityPoolId, startedAt, now]);
      await database.query(FINISH, [identityPoolId, startedAt, compared, repaired, now]);
      return rowsChanged;
    },

    async countDatasets(identityPoolId) {
      const sql = 'SELECT count(*) AS total FROM projection.datasets WHERE identity_pool_id = $1';
      return (await database.query<{ total: number }>(sql, [identityPoolId])).rows[0]?.total ?? 0;
    },

    async listIdentities(identityPoolId, after, limit) {
      const values = [identityPoolId, after, limit];
      const { rows } = await database.query<{ identity_id: string }>(LIST_IDENTITIES, values);
      return rows.map((row) => row.identity_id);
    },

    async listNames(identityPoolId, identityId) {
      const values = [identityPoolId, identityId];
      const { rows } = await database.query<{ dataset_name: string }>(LIST_NAMES, values);
      return rows.map((row) => row.dataset_name);
    },

    async readDataset(dataset) {
      const { rows } = await database.query<KnownRow>(READ_DATASET, [datasetId(dataset)]);
      return toKnownDataset(rows);
    },
  };
}

function toPosition(row: ReconciliationRow): ReconcilePosition {
  const { after_identity_id: identityId, after_dataset_name: datasetName } = row;
  return {
    startedAt: row.started_ms,
    after: identityId === null || datasetName === null ? null : { identityId, datasetName },
    compared: row.compared,
    repaired: row.repaired,
  };
}

function toKnownDataset(rows: readonly KnownRow[]): KnownDataset | null {
  const [first] = rows;
  if (!first) return null;
  const { removed_ms: removedMs, removed_sync_count: removedSyncCount } = first;
  return {
    version: { lastModifiedDate: first.dataset_ms, syncCount: first.dataset_sync_count },
    removal:
      removedMs === null || removedSyncCount === null
        ? null
        : { lastModifiedDate: removedMs, syncCount: removedSyncCount },
    records: rows.flatMap(toKnownRecord),
  };
}

/**
 * Converts a row to a record. A dataset without records has a single row, in which only the dataset's columns are set;
 * that row has no record.
 */
function toKnownRecord(row: KnownRow): KnownRecord[] {
  const { record_key: key, last_modified_ms: lastModifiedDate, sync_count: syncCount } = row;
  if (key === null || lastModifiedDate === null || syncCount === null) return [];
  return [{ key, version: { lastModifiedDate, syncCount }, hasValue: row.has_value }];
}
