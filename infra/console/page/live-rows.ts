import type { ShownActivity } from './model.ts';

/**
 * What the page Live shows in one row: a sync with its steps, from the device to the rows, or an activity that belongs to
 * no sync that the page received.
 */
export interface LiveRow {
  /** Unique in this page. */
  number: number;
  at: Date;
  /** In the order of arrival. */
  activities: readonly ShownActivity[];
}

type Details = ShownActivity['details'];

/** A projection or a push message that was reported at most this long before its sync can belong to the sync. */
const SHORTLY_BEFORE_MS = 2_000;
/**
 * A batch that was projected less than this after the first batch of a sync can be the same batch, which Lambda
 * delivered again. A later batch with the same count is not: for example, a bulk publish publishes the dataset again.
 */
const REDELIVERY_MS = 10_000;

/**
 * Adds an activity to the row of its sync, or as a new row at the start. A request ties the decisions of the sync trigger
 * to its sync; the dataset and the sync count tie projections and push messages to it. A batch also gets its own row if
 * one of its events belongs to no sync in the rows.
 *
 * @param rows newest first
 */
export function addActivity(rows: readonly LiveRow[], activity: ShownActivity): readonly LiveRow[] {
  if (activity.kind === 'sync' || activity.kind === 'trigger') return addToRequest(rows, activity);
  const joined = rows.map((row) => (belongs(activity, row) ? append(row, activity) : row));
  return isClaimed(activity, joined) ? joined : [toRow(activity), ...joined];
}

/** Returns the activity of the request that the row shows; undefined if the row shows no request. */
export function requestOf({ activities }: LiveRow): ShownActivity | undefined {
  return activities.find(({ kind }) => kind === 'sync') ?? activities.find(({ kind }) => kind === 'trigger');
}

/** Returns the first activity of a kind in the row. */
export function firstOf({ activities }: LiveRow, kind: ShownActivity['kind']): ShownActivity | undefined {
  return activities.find((activity) => activity.kind === kind);
}

function addToRequest(rows: readonly LiveRow[], activity: ShownActivity): readonly LiveRow[] {
  const { requestId } = activity.details;
  const isOfRequest = (row: LiveRow) =>
    typeof requestId === 'string' && requestOf(row)?.details.requestId === requestId;
  const known = rows.find(isOfRequest);
  const row = known === undefined ? toRow(activity) : append(known, activity);
  const others = rows.filter((each) => requestOf(each) === undefined);
  const earlier = others
    .flatMap(({ activities }) => activities)
    .filter(({ at }) => activity.at.getTime() - at.getTime() < SHORTLY_BEFORE_MS)
    .filter((each) => belongs(each, row))
    .reverse();
  const complete = earlier.reduce(append, row);
  const joined =
    known === undefined ? [complete, ...rows] : rows.map((each) => (each === known ? complete : each));
  return joined.filter((each) => !earlier.some((one) => isOnly(one, each) && isClaimed(one, joined)));
}

function isOnly(activity: ShownActivity, { activities }: LiveRow): boolean {
  return activities.length === 1 && activities[0] === activity;
}

/** Whether a projection or a push message belongs to the sync of the row. */
function belongs({ kind, at, details }: ShownActivity, row: LiveRow): boolean {
  const sync = firstOf(row, 'sync')?.details;
  if (sync === undefined || !hasChanged(sync)) return false;
  const { syncCount } = sync;
  if (kind === 'push') return isSameDataset(sync, details) && details.syncCount === syncCount;
  const events = datasetsOf(details).filter((dataset) => isSameDataset(sync, dataset));
  const projected = firstOf(row, 'projected');
  if (projected === undefined) return events.some((event) => isEffectOf(sync, event));
  const isRecent = at.getTime() - projected.at.getTime() < REDELIVERY_MS;
  return isRecent && syncCount !== null && events.some((event) => event.syncCount === syncCount);
}

/**
 * Whether an event of the same dataset shows that the change of a sync is in the rows. The events of a dataset arrive in
 * order, and the removal of a dataset can have no count. The answer to `DeleteDataset` has none, so only a removal shows
 * that the dataset was deleted.
 */
function isEffectOf({ operation, syncCount }: Details, event: Details): boolean {
  if (operation === 'DeleteDataset') return event.isRemoval === true;
  return typeof event.syncCount !== 'number' || event.syncCount >= Number(syncCount ?? 0);
}

/** Whether a sync wrote a change. The answer to `DeleteDataset` contains no sync count. */
export function hasChanged({ operation, syncCount, error }: Details): boolean {
  return typeof syncCount === 'number' || (operation === 'DeleteDataset' && !error);
}

/** Whether everything in the activity belongs to syncs in the rows. */
function isClaimed(activity: ShownActivity, rows: readonly LiveRow[]): boolean {
  const syncs = rows
    .filter(({ activities }) => activities.includes(activity))
    .flatMap((row): Details[] => {
      const sync = firstOf(row, 'sync');
      return sync === undefined ? [] : [sync.details];
    });
  if (activity.kind !== 'projected') return syncs.length > 0;
  const datasets = datasetsOf(activity.details);
  // The batch also counts events that have no dataset, because they cannot be read.
  if (activity.details.events !== datasets.length) return false;
  return datasets.every((dataset) =>
    syncs.some(
      (sync) =>
        isSameDataset(sync, dataset) &&
        (dataset.syncCount === sync.syncCount ||
          dataset.syncCount === null ||
          (sync.operation === 'DeleteDataset' && dataset.isRemoval === true)),
    ),
  );
}

/** Returns the datasets of a projected batch, one for each event that could be read. */
export function datasetsOf({ datasets }: Details): readonly Details[] {
  return Array.isArray(datasets) ? datasets : [];
}

function isSameDataset(one: Details, other: Details): boolean {
  return (['identityPoolId', 'identityId', 'datasetName'] as const).every(
    (name) => one[name] === other[name],
  );
}

function toRow(activity: ShownActivity): LiveRow {
  return { number: activity.number, at: activity.at, activities: [activity] };
}

function append(row: LiveRow, activity: ShownActivity): LiveRow {
  return { ...row, activities: [...row.activities, activity] };
}
