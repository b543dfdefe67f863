import type { DatasetKey } from '../../../common/dataset-key.ts';
import { plainArray, textArray } from '../../../database/array-literal.ts';
import type { Database, Transaction } from '../../../database/database.ts';
import { datasetId } from '../../../database/row-ids.ts';
import type { Mark } from '../../ports/mark.ts';
import { IS_BRIDGED, markDatasets, NEW_MARK } from '../dataset-write-statements.ts';
import { STEP_ROWS } from '../deleted-dataset-statements.ts';
import { changeInSteps } from '../remove-deleted-datasets.ts';

interface MarkRow {
  identity_pool_id: string;
  identity_id: string;
  dataset_name: string;
  mark_id: string;
  attempts: number;
}

const SET_BRIDGES =
  'UPDATE sync.identity_pools SET bridges = $2 WHERE identity_pool_id = $1 AND deleted_ms IS NULL';

const READ_IS_BRIDGED = `SELECT 1 FROM sync.identity_pools WHERE identity_pool_id = $1 AND ${IS_BRIDGED}`;

const PUT_MARKS = markDatasets(`
SELECT given.dataset_id, $1::text, given.identity_id, given.dataset_name, ${NEW_MARK}
FROM unnest($2::uuid[], $3::text[], $4::text[]) AS given (dataset_id, identity_id, dataset_name)
ORDER BY given.dataset_id`);

const LIST_DUE = `
SELECT identity_pool_id, identity_id, dataset_name, mark_id, attempts
FROM sync.unbridged_datasets
WHERE next_ms <= $1::bigint
ORDER BY next_ms, dataset_id
LIMIT $2::bigint`;

const REMOVE_MARK = 'DELETE FROM sync.unbridged_datasets WHERE dataset_id = $1 AND mark_id = $2';

const FORGET_MARKS = `
DELETE FROM sync.unbridged_datasets
WHERE dataset_id IN (
  SELECT dataset_id FROM sync.unbridged_datasets WHERE identity_pool_id = $1 LIMIT ${STEP_ROWS})`;

const POSTPONE_MARK = `
UPDATE sync.unbridged_datasets SET next_ms = $3, problem = $4, attempts = attempts + 1
WHERE dataset_id = $1 AND mark_id = $2`;

const COUNT_MARKS = `
SELECT problem, count(*) AS marks FROM sync.unbridged_datasets
WHERE identity_pool_id = $1
GROUP BY problem
ORDER BY problem`;

/** Sets whether changes of the pool's datasets are marked. */
export async function setBridges(on: Transaction, identityPoolId: string, bridges: boolean): Promise<void> {
  await on.query(SET_BRIDGES, [identityPoolId, bridges]);
}

/** Returns whether the pool exists, and changes of its datasets are marked. */
export async function isBridged(on: Transaction, identityPoolId: string): Promise<boolean> {
  return (await on.query(READ_IS_BRIDGED, [identityPoolId])).rows.length > 0;
}

/** Marks datasets of a pool. A new mark replaces an older one, so a bridge that is reading the dataset reads it again. */
export async function putMarks(
  on: Transaction,
  identityPoolId: string,
  datasets: readonly DatasetKey[],
): Promise<void> {
  if (datasets.length === 0) return;
  const unique = new Map(datasets.map((dataset) => [datasetId(dataset), dataset]));
  await on.query(PUT_MARKS, [
    identityPoolId,
    plainArray([...unique.keys()]),
    textArray([...unique.values()].map(({ identityId }) => identityId)),
    textArray([...unique.values()].map(({ datasetName }) => datasetName)),
  ]);
}

/** Lists marks that are due at `now`, oldest first. */
export async function listDue(on: Transaction, now: number, limit: number): Promise<Mark[]> {
  const { rows } = await on.query<MarkRow>(LIST_DUE, [now, limit]);
  return rows.map((row) => ({
    dataset: {
      identityPoolId: row.identity_pool_id,
      identityId: row.identity_id,
      datasetName: row.dataset_name,
    },
    markId: row.mark_id,
    attempts: row.attempts,
  }));
}

/** Removes a mark, unless a newer one has replaced it. */
export async function removeMark(on: Transaction, { dataset, markId }: Mark): Promise<void> {
  await on.query(REMOVE_MARK, [datasetId(dataset), markId]);
}

/** Removes all marks of a pool. */
export async function forgetMarks(database: Database, identityPoolId: string): Promise<void> {
  await changeInSteps(database, FORGET_MARKS, [identityPoolId]);
}

/** Saves why a dataset could not be bridged, and when to try again. A change of the dataset is tried at once. */
export async function postponeMark(
  on: Transaction,
  { dataset, markId }: Mark,
  { until, problem }: { until: number; problem: string | null },
): Promise<void> {
  await on.query(POSTPONE_MARK, [datasetId(dataset), markId, until, problem]);
}

/** Marks of a pool: all, those whose last attempt failed, and these by problem. */
export interface MarkCounts {
  marks: number;
  problems: number;
  byProblem: Record<string, number>;
}

/** Counts the marks of a pool. */
export async function countMarks(on: Transaction, identityPoolId: string): Promise<MarkCounts> {
  const { rows } = await on.query<{ problem: string | null; marks: number }>(COUNT_MARKS, [identityPoolId]);
  const failed = rows.flatMap(({ problem, marks }) => (problem === null ? [] : [[problem, marks] as const]));
  return {
    marks: rows.reduce((sum, { marks }) => sum + marks, 0),
    problems: failed.reduce((sum, [, marks]) => sum + marks, 0),
    byProblem: Object.fromEntries(failed),
  };
}
