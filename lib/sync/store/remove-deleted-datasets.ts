import { plainArray } from '../../database/array-literal.ts';
import type { Database, SqlValue } from '../../database/database.ts';
import { STEP_ROWS } from './deleted-dataset-statements.ts';

/** A deleted dataset whose rows are still stored. */
export interface DeletedDatasetRow {
  dataset_id: string;
  sync_count: number;
}

/** The statements of deleted-dataset-statements.ts, for pools or for identities. */
export interface DatasetRemoval {
  records: string;
  spentTokens: string;
  subscriptions: string;
  copies: string;
  datasets: string;
}

/**
 * Removes the rows of some deleted datasets. The rows in `sync.datasets` are removed last, because after a crash, the
 * other rows are found through the rows in `sync.datasets`.
 *
 * @param mark $1 of the statements: the key of the mark of the deletion
 * @returns the number of rows removed
 */
export async function removeDeletedDatasets(
  database: Database,
  removal: DatasetRemoval,
  mark: string,
  rows: readonly DeletedDatasetRow[],
): Promise<number> {
  if (rows.length === 0) return 0;
  const ids = plainArray(rows.map((row) => row.dataset_id));
  const counts = plainArray(rows.map((row) => row.sync_count));
  let removed = await changeUntilNone(database, removal.records, [mark, ids, counts]);
  for (const sql of [removal.spentTokens, removal.subscriptions, removal.copies])
    removed += await changeInSteps(database, sql, [mark, ids]);
  return removed + (await database.query(removal.datasets, [mark, ids, counts])).rowsChanged;
}

/** Repeats a statement that removes rows until it changes no row. @returns the number of rows changed */
export async function changeUntilNone(
  database: Database,
  sql: string,
  values: readonly SqlValue[],
): Promise<number> {
  let removed = 0;
  for (;;) {
    const { rowsChanged } = await database.query(sql, values);
    if (rowsChanged === 0) return removed;
    removed += rowsChanged;
  }
}

/**
 * Repeats a statement while it changes as many rows as a step may change. The statement changes each row once. A smaller
 * step does not mean that nothing is left: a step is also smaller if other processes are changing the same rows.
 *
 * @returns the number of rows changed
 */
export async function changeInSteps(
  database: Database,
  sql: string,
  values: readonly SqlValue[],
): Promise<number> {
  let removed = 0;
  for (;;) {
    const { rowsChanged } = await database.query(sql, values);
    removed += rowsChanged;
    if (rowsChanged < STEP_ROWS) return removed;
  }
}
