import { plainArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/database.ts';
import { columnsOf, type PageLimits, type TableRow } from '../../database/table-shape.ts';
import { DATASETS, RECORDS } from './exported-tables.ts';

/** A dataset with all its records, read at one point in time. */
export interface ExportedDataset {
  row: TableRow;
  /** The dataset of which a merge made this dataset as a copy; null if it is no such copy. */
  copyOf: string | null;
  records: TableRow[];
}

const MAX_BYTES = 4 * 1024 * 1024;

/** An id that precedes the ids of all datasets. */
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/** Which datasets are exported. `changedSince`: epoch milliseconds. */
export type ExportedState = 'all' | { changedSince: number; exists: boolean };

/**
 * Reads datasets after $1, up to $2, that were changed since $3, with their records. If $4 is true, reads only existing
 * datasets; if it is false, only deleted datasets. One statement reads them at one point in time, so that no dataset is
 * exported half-changed. A page ends before its datasets exceed the limit, but it has at least one dataset.
 */
const READ_DATASETS = `
SELECT stored.*, merged.root_dataset_id, records.record_id, records.record_key, records.record_value,
  records.sync_count AS record_sync_count, records.last_modified_ms AS record_modified_ms,
  records.last_modified_by AS record_modified_by, records.device_last_modified_ms
FROM (
  SELECT next.*,
    row_number() OVER in_order AS place,
    sum(next.data_storage + coalesce(next.key_bytes, 0) + 180 * coalesce(next.row_count, next.record_count))
      OVER in_order AS bytes
  FROM (
    SELECT * FROM sync.datasets
    WHERE dataset_id > $1::uuid AND ($2::uuid IS NULL OR dataset_id <= $2::uuid)
      AND last_modified_ms >= $3::bigint
      AND ($4::boolean IS NULL OR (sync_count > deleted_sync_count) = $4::boolean)
    ORDER BY dataset_id
    LIMIT $5::bigint
  ) AS next
  WINDOW in_order AS (ORDER BY next.dataset_id)
) AS stored
LEFT JOIN sync.merged_datasets AS merged ON merged.dataset_id = stored.dataset_id
LEFT JOIN sync.records ON records.dataset_id = stored.dataset_id AND records.sync_count > stored.deleted_sync_count
WHERE stored.place = 1 OR stored.bytes <= ${MAX_BYTES}
ORDER BY stored.place, records.record_id`;

/** Reads the last of the next $2 datasets after $1. */
const READ_WINDOW_END = `
SELECT dataset_id FROM sync.datasets WHERE dataset_id > $1::uuid ORDER BY dataset_id
OFFSET $2::bigint - 1 LIMIT 1`;

const OTHER_NAMES: Readonly<Record<string, string>> = {
  sync_count: 'record_sync_count',
  last_modified_ms: 'record_modified_ms',
  last_modified_by: 'record_modified_by',
};

/**
 * Reads the next datasets of all pools, in the order of their ids.
 *
 * @param after the `next` of the previous page; null for the first page
 * @param state which datasets to read. No index finds changed datasets. So a page of them reads at most `window` datasets,
 *   and can be empty although more pages follow
 * @returns the datasets, and where the next page starts; null after the last page
 */
export async function readExportedDatasets(
  on: Transaction,
  after: string | null,
  state: ExportedState,
  { page, window }: PageLimits,
): Promise<{ datasets: ExportedDataset[]; next: string | null }> {
  const from = after ?? BEFORE_ALL;
  const end = state === 'all' ? null : await readWindowEnd(on, from, window);
  const [since, exists] = state === 'all' ? [0, null] : [state.changedSince, state.exists];
  const values = [from, end, since, exists, page];
  const { rows } = await on.query<TableRow>(READ_DATASETS, values);
  const datasets: ExportedDataset[] = [];
  for (const row of rows) {
    let dataset = datasets.at(-1);
    if (dataset === undefined || dataset.row.dataset_id !== row.dataset_id) {
      const copyOf = typeof row.root_dataset_id === 'string' ? row.root_dataset_id : null;
      dataset = { row: pick(row, DATASET_COLUMNS), copyOf, records: [] };
      datasets.push(dataset);
    }
    if (row.record_id !== null) dataset.records.push(pick(row, RECORD_COLUMNS));
  }
  const last = datasets.at(-1)?.row.dataset_id;
  return { datasets, next: typeof last === 'string' ? last : end };
}

/** @returns the id of the last dataset of the window; null if fewer datasets are left */
async function readWindowEnd(on: Transaction, after: string, window: number): Promise<string | null> {
  const { rows } = await on.query<{ dataset_id: string }>(READ_WINDOW_END, [after, window]);
  return rows[0]?.dataset_id ?? null;
}

const DATASET_COLUMNS = columnsOf(DATASETS).map((column) => [column, column] as const);
const RECORD_COLUMNS = columnsOf(RECORDS).map((column) => [column, OTHER_NAMES[column] ?? column] as const);

function pick(row: TableRow, columns: readonly (readonly [string, string])[]): TableRow {
  return Object.fromEntries(columns.map(([column, name]) => [column, row[name] ?? null]));
}

const FIND_DATASETS = 'SELECT dataset_id FROM sync.datasets WHERE dataset_id = ANY ($1::uuid[])';

/** Returns which of these datasets are stored. */
export async function findDatasets(on: Transaction, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await on.query<{ dataset_id: string }>(FIND_DATASETS, [plainArray([...new Set(ids)])]);
  return new Set(rows.map((row) => row.dataset_id));
}
