import type { DatasetKey, IdentityKey } from '../../../common/dataset-key.ts';
import { plainArray, textArray } from '../../../database/array-literal.ts';
import type { Database, Transaction } from '../../../database/database.ts';
import { datasetId } from '../../../database/row-ids.ts';
import type { Mark } from '../../ports/mark.ts';
import { markDatasets, NEW_MARK } from '../dataset-write-parts.ts';
import { STEP_ROWS } from '../deleted-dataset-statements.ts';
import { changeInSteps } from '../remove-deleted-datasets.ts';

interface MarkRow {
  identity_pool_id: string;
  identity_id: string;
  dataset_name: string;
  mark_id: string;
  attempts: number;
  listed_ms: number;
}

interface BridgesRow {
  bridges: boolean | null;
  is_deleted: boolean;
}

/**
 * The latest possible date of a mark. No run of the bridge lists a mark with this date. If the dataset changes, its new
 * mark has an earlier date.
 */
const LATEST_MS = 8_640_000_000_000_000;

const SET_BRIDGES =
  'UPDATE sync.identity_pools SET bridges = $2 WHERE identity_pool_id = $1 AND deleted_ms IS NULL';

const READ_BRIDGES = `
SELECT bridges, deleted_ms IS NOT NULL AS is_deleted FROM sync.identity_pools WHERE identity_pool_id = $1`;

const PUT_MARKS = markDatasets(`
SELECT given.dataset_id, $1::text, given.identity_id, given.dataset_name, ${NEW_MARK}
FROM unnest($2::uuid[], $3::text[], $4::text[]) AS given (dataset_id, identity_id, dataset_name)
ORDER BY given.dataset_id`);

const NOW_MS = '(extract(epoch FROM now()) * 1000)::bigint';

const LIST_DUE = `
SELECT identity_pool_id, identity_id, dataset_name, mark_id, attempts, ${NOW_MS} AS listed_ms
FROM sync.unbridged_datasets
WHERE next_ms <= $1::bigint
ORDER BY next_ms, dataset_id
LIMIT $2::bigint`;

const REMOVE_MARK = 'DELETE FROM sync.unbridged_datasets WHERE dataset_id = $1 AND mark_id = $2';

/**
 * Resets the new mark that replaced the mark which LIST_DUE returned at $2. The bridge has written all changes from
 * before $2.
 */
const RESET_MARK = `
UPDATE sync.unbridged_datasets SET problem = NULL, attempts = 0, next_ms = greatest(next_ms, $2::bigint)
WHERE dataset_id = $1`;

const READ_CLOCK = `SELECT ${NOW_MS} AS now_ms`;

/**
 * The marks of the pool $1 that were made at $2 or later, and whose last attempt did not fail. A failure postpones a
 * mark.
 */
const MARKED_SINCE = `
identity_pool_id = $1 AND next_ms >= $2::bigint AND next_ms < ${LATEST_MS} AND problem IS NULL`;

const COUNT_OLDER = `
SELECT count(*) AS marks FROM sync.unbridged_datasets WHERE identity_pool_id = $1 AND NOT (${MARKED_SINCE})`;

const LIST_SINCE = `
SELECT identity_id, dataset_name FROM sync.unbridged_datasets WHERE ${MARKED_SINCE}
ORDER BY dataset_id
LIMIT $3::bigint`;

const COUNT_MARKS_OF = `
SELECT count(*) AS marks FROM sync.unbridged_datasets WHERE identity_pool_id = $1 AND identity_id = $2`;

const REMOVE_MARKS_OF = `
DELETE FROM sync.unbridged_datasets
WHERE dataset_id IN (
  SELECT dataset_id FROM sync.unbridged_datasets
  WHERE identity_pool_id = $1 AND identity_id = $2 LIMIT ${STEP_ROWS})`;

const FORGET_MARKS = `
DELETE FROM sync.unbridged_datasets
WHERE dataset_id IN (
  SELECT dataset_id FROM sync.unbridged_datasets WHERE identity_pool_id = $1 LIMIT ${STEP_ROWS})`;

const PARK_MARKS = `
UPDATE sync.unbridged_datasets SET next_ms = ${LATEST_MS}
WHERE dataset_id IN (
  SELECT dataset_id FROM sync.unbridged_datasets
  WHERE identity_pool_id = $1 AND next_ms < ${LATEST_MS} LIMIT ${STEP_ROWS})`;

const LIST_WAITING = `
SELECT identity_id, dataset_name, problem FROM sync.unbridged_datasets
WHERE identity_pool_id = $1
ORDER BY identity_id, dataset_name
LIMIT $2::bigint`;

const POSTPONE_MARK = `
UPDATE sync.unbridged_datasets SET next_ms = $3, problem = $4, attempts = attempts + 1
WHERE dataset_id = $1 AND mark_id = $2`;

const MARKS = 'SELECT problem FROM sync.unbridged_datasets WHERE identity_pool_id = $1';

const countByProblem = (marks: string) => `
SELECT problem, count(*) AS marks FROM (${marks}) AS marks
GROUP BY problem
ORDER BY problem`;

const COUNT_MARKS = countByProblem(MARKS);

/** $2: the number of marks that are counted. They are the first in the order of the index. */
const COUNT_SOME_MARKS = countByProblem(`
  SELECT problem FROM (
    SELECT identity_pool_id, problem FROM sync.unbridged_datasets
    WHERE identity_pool_id >= $1 ORDER BY identity_pool_id, dataset_id LIMIT $2::bigint
  ) AS first WHERE identity_pool_id = $1`);

/** Sets whether changes of the pool's datasets are marked for the bridge to the origin of a migration. */
export async function setBridges(on: Transaction, identityPoolId: string, bridges: boolean): Promise<void> {
  await on.query(SET_BRIDGES, [identityPoolId, bridges]);
}

/** Returns whether changes of the pool's datasets are marked for the bridge, or whether the pool was deleted here. */
export async function readBridging(
  on: Transaction,
  identityPoolId: string,
): Promise<'on' | 'off' | 'deleted'> {
  const { rows } = await on.query<BridgesRow>(READ_BRIDGES, [identityPoolId]);
  if (rows[0] === undefined || rows[0].is_deleted) return 'deleted';
  return rows[0].bridges ? 'on' : 'off';
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

/** Lists the marks of datasets that wait for the bridge and are due at `now`, oldest first. */
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
    listedAt: row.listed_ms,
  }));
}

/** Removes a mark after a success. If a newer mark has replaced it, resets the failures of the newer mark. */
export async function removeMark(on: Transaction, { dataset, markId, listedAt }: Mark): Promise<void> {
  const { rowsChanged } = await on.query(REMOVE_MARK, [datasetId(dataset), markId]);
  if (rowsChanged === 0) await on.query(RESET_MARK, [datasetId(dataset), listedAt]);
}

/** Returns the time by which marks are dated, epoch milliseconds. */
export async function readMarkClock(on: Transaction): Promise<number> {
  const { rows } = await on.query<{ now_ms: number }>(READ_CLOCK, []);
  return rows[0]?.now_ms ?? 0;
}

/** Counts the marks of a pool that were made before a time of `readMarkClock`, or whose last attempt failed. */
export async function countOlderMarks(
  on: Transaction,
  identityPoolId: string,
  since: number,
): Promise<number> {
  const { rows } = await on.query<{ marks: number }>(COUNT_OLDER, [identityPoolId, since]);
  return rows[0]?.marks ?? 0;
}

/**
 * Lists datasets of a pool that were marked at a time of `readMarkClock` or later, and whose last attempt did not fail.
 */
export async function listMarkedSince(
  on: Transaction,
  identityPoolId: string,
  { since, limit }: { since: number; limit: number },
): Promise<DatasetKey[]> {
  const values = [identityPoolId, since, limit];
  const { rows } = await on.query<Pick<MarkRow, 'identity_id' | 'dataset_name'>>(LIST_SINCE, values);
  return rows.map(({ identity_id: identityId, dataset_name: datasetName }) => ({
    identityPoolId,
    identityId,
    datasetName,
  }));
}

/** Counts the marked datasets of an identity. */
export async function countMarksOf(
  on: Transaction,
  { identityPoolId, identityId }: IdentityKey,
): Promise<number> {
  const { rows } = await on.query<{ marks: number }>(COUNT_MARKS_OF, [identityPoolId, identityId]);
  return rows[0]?.marks ?? 0;
}

/** Removes the marks of an identity if its pool is not bridged (any more). */
export async function removeUnusedMarks(
  database: Database,
  { identityPoolId, identityId }: IdentityKey,
): Promise<void> {
  if ((await readBridging(database, identityPoolId)) === 'on') return;
  await changeInSteps(database, REMOVE_MARKS_OF, [identityPoolId, identityId]);
}

/** Keeps the marks of a pool, but stops the bridge from reading these datasets until they are marked again. */
export async function parkMarks(database: Database, identityPoolId: string): Promise<void> {
  await changeInSteps(database, PARK_MARKS, [identityPoolId]);
}

/** Lists some marked datasets of a pool, and why their last attempt failed. */
export async function listWaiting(
  on: Transaction,
  identityPoolId: string,
  limit: number,
): Promise<{ identityId: string; datasetName: string; problem: string | null }[]> {
  const { rows } = await on.query<WaitingRow>(LIST_WAITING, [identityPoolId, limit]);
  return rows.map((row) => ({
    identityId: row.identity_id,
    datasetName: row.dataset_name,
    problem: row.problem,
  }));
}

interface WaitingRow {
  identity_id: string;
  dataset_name: string;
  problem: string | null;
}

/** Removes all marks of a pool. */
export async function forgetMarks(database: Database, identityPoolId: string): Promise<void> {
  await changeInSteps(database, FORGET_MARKS, [identityPoolId]);
}

/**
 * Saves why a dataset could not be bridged, and when to try again. After the next change of the dataset, the bridge
 * tries it immediately.
 */
export async function postponeMark(
  on: Transaction,
  { dataset, markId }: Mark,
  { until, problem }: { until: number; problem: string | null },
): Promise<void> {
  await on.query(POSTPONE_MARK, [datasetId(dataset), markId, until, problem]);
}

/** Numbers of marks of a pool: of all marks, of those whose last attempt failed, and of the failed ones by problem. */
export interface MarkCounts {
  marks: number;
  problems: number;
  byProblem: Record<string, number>;
}

interface ProblemRow {
  problem: string | null;
  marks: number;
}

/** Counts the marks of a pool. @param maxRows if given, only so many marks are counted */
export async function countMarks(
  on: Transaction,
  identityPoolId: string,
  maxRows?: number,
): Promise<MarkCounts> {
  const { rows } =
    maxRows === undefined
      ? await on.query<ProblemRow>(COUNT_MARKS, [identityPoolId])
      : await on.query<ProblemRow>(COUNT_SOME_MARKS, [identityPoolId, maxRows]);
  const failed = rows.flatMap(({ problem, marks }) => (problem === null ? [] : [[problem, marks] as const]));
  return {
    marks: rows.reduce((sum, { marks }) => sum + marks, 0),
    problems: failed.reduce((sum, [, marks]) => sum + marks, 0),
    byProblem: Object.fromEntries(failed),
  };
}
