import type { Database, SqlValue } from '../../database/database.ts';
import { RECORD_BYTES, withinBytes } from '../../database/within-bytes.ts';
import type { QuerySweep } from '../ports/query-sweep.ts';
import { eraseCovered } from './erase-covered.ts';
import { eraseDatasets, splitErased } from './erased-identities.ts';

// Aurora DSQL changes at most 3,000 rows in a transaction.
const SWEEP_ROWS = 2_500;
/** Quarantined deliveries per step: their payloads are large, and no statement may take long. */
const QUARANTINE_ROWS = 100;
/** Datasets per step. A dataset has up to a thousand records and any number of tombstones; most datasets have few. */
const STEP_DATASETS = 100;

/** Higher than the id of every row, because row ids have another UUID variant. */
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

// The condition appears twice. If another transaction changes a row in the meantime, PostgreSQL checks the row again,
// but only against the condition outside the subquery.
const remove = (table: string, key: string, condition: string) => `
DELETE FROM ${table} AS stored
WHERE (${key}) IN (SELECT ${key} FROM ${table} AS stored WHERE ${condition} LIMIT ${SWEEP_ROWS})
  AND ${condition}`;

/** Does the same as `remove`, and also limits the bytes. The statement must be repeated until it removes nothing. */
const removeBytes = (table: string, key: string, condition: string, bytes: string, rows: number) => `
DELETE FROM ${table} AS stored
WHERE (${key}) IN (${withinBytes(key, `SELECT ${key}, ${bytes} FROM ${table} AS stored WHERE ${condition} LIMIT ${rows}`)})
  AND ${condition}`;

const REMOVE_QUARANTINED = removeBytes(
  'projection.quarantine',
  'quarantine_id',
  '(stored.quarantined_at < $1 OR stored.redriven_at < $2)',
  'octet_length(payload) AS row_bytes',
  QUARANTINE_ROWS,
);

const REMOVE_DATED_REMOVALS = remove('projection.dated_removals', 'removal_id', 'stored.dated_at < $1');

const REMOVE_REDRIVEN_OBJECTS = remove('projection.redriven_objects', 'object_id', 'stored.redriven_ms < $1');

const REMOVE_ERASURES = remove('projection.erased_identities', 'identity_row_id', 'stored.erased_ms < $1');

const REMOVE_GAPS = remove('projection.gaps', 'identity_pool_id, since_ms, cause', 'stored.mended_ms < $1');

const REMOVE_BULK_PUBLISHES = remove(
  'projection.bulk_publishes',
  'identity_pool_id, started_ms',
  `stored.started_ms < $1 AND EXISTS (
    SELECT 1 FROM projection.bulk_publishes AS later
    WHERE later.identity_pool_id = stored.identity_pool_id AND later.started_ms > stored.started_ms)`,
);

// A step covers the datasets with ids above $1, up to and including $2.

const LIST_STEP = `
SELECT dataset_id, identity_pool_id, identity_id FROM projection.datasets
WHERE dataset_id > $1::uuid
ORDER BY dataset_id
LIMIT ${STEP_DATASETS}`;

interface StepRow {
  dataset_id: string;
  identity_pool_id: string;
  identity_id: string;
}

const RECORDS_OF_STEP = 'stored.dataset_id > $1::uuid AND stored.dataset_id <= $2::uuid';

const REMOVE_TOMBSTONES = remove(
  'projection.records',
  'dataset_id, record_id',
  `${RECORDS_OF_STEP} AND stored.record_value IS NULL AND stored.projected_at < $3`,
);

// Removes records without a dataset. They remain if the projection was killed while it wrote an event of an identity
// that `erase` was erasing.
const REMOVE_STRAYS = removeBytes(
  'projection.records',
  'dataset_id, record_id',
  `${RECORDS_OF_STEP} AND stored.projected_at < $3 AND NOT EXISTS (
    SELECT 1 FROM projection.datasets WHERE datasets.dataset_id = stored.dataset_id)`,
  RECORD_BYTES,
  SWEEP_ROWS,
);

// Keeps a removed dataset that still has records. If the dataset's row were deleted, the next write of the dataset
// would make the values of these records visible again.
const REMOVE_DATASETS = remove(
  'projection.datasets',
  'dataset_id',
  `${RECORDS_OF_STEP} AND stored.projected_at < $3
  AND (stored.removed_ms, stored.removed_sync_count) >= (stored.last_modified_ms, stored.sync_count)
  AND NOT EXISTS (SELECT 1 FROM projection.records WHERE records.dataset_id = stored.dataset_id)`,
);

/** Creates the part of the query store that sweeping uses, on any `Database`. */
export function createQuerySweep(database: Database): QuerySweep {
  const rowsOf = async (sql: string, values: readonly SqlValue[]) =>
    (await database.query(sql, values)).rowsChanged;
  const allRowsOf = async (sql: string, values: readonly SqlValue[]) => {
    let removed = 0;
    for (;;) {
      const rows = await rowsOf(sql, values);
      removed += rows;
      if (rows === 0) return removed;
    }
  };

  return {
    removeQuarantined: ({ quarantined, redriven }) =>
      rowsOf(REMOVE_QUARANTINED, [new Date(quarantined), new Date(redriven)]),
    removeDatedRemovals: (before) => rowsOf(REMOVE_DATED_REMOVALS, [new Date(before)]),
    removeRedrivenObjects: (before) => rowsOf(REMOVE_REDRIVEN_OBJECTS, [before]),
    removeRepairedGaps: (before) => rowsOf(REMOVE_GAPS, [before]),
    removeErasures: (before) => rowsOf(REMOVE_ERASURES, [before]),
    removeBulkPublishes: (before) => rowsOf(REMOVE_BULK_PUBLISHES, [before]),

    async sweepDatasets(after, before) {
      const { rows } = await database.query<StepRow>(LIST_STEP, [after]);
      const last = rows.length < STEP_DATASETS ? null : (rows.at(-1)?.dataset_id ?? null);
      const range = [after, last ?? LAST_ID];
      const values = await eraseCovered(
        database,
        rows.map((row) => row.dataset_id),
      );
      const { erased } = await splitErased(database, rows, (row) => ({
        identityPoolId: row.identity_pool_id,
        identityId: row.identity_id,
      }));
      const ofErased = await eraseDatasets(
        database,
        erased.map((row) => row.dataset_id),
      );
      const strays = ofErased + (await allRowsOf(REMOVE_STRAYS, [...range, new Date(before.strays)]));
      const tombstoneTime = new Date(before.tombstones);
      const tombstones = await allRowsOf(REMOVE_TOMBSTONES, [...range, tombstoneTime]);
      const datasets = await rowsOf(REMOVE_DATASETS, [...range, tombstoneTime]);
      return { tombstones, datasets, values, strays, last };
    },
  };
}
