import { type DatasetsSwept, FIRST_DATASET, type QuerySweep } from './ports/query-sweep.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Retention times in milliseconds. */
const RETENTION_MS = {
  quarantined: 90 * DAY_MS,
  /** Redriven deliveries are those that were projected later, or that an operator dismissed. */
  redriven: 7 * DAY_MS,
  /**
   * The maximum retention of a stream. Once this time has passed, no write that is older than the tombstone can arrive.
   */
  tombstones: 365 * DAY_MS,
  datedRemovals: 365 * DAY_MS,
  /**
   * Longer than failure objects are kept. The row about an object must outlive the object, because the row shows that
   * the object was redriven.
   */
  redrivenObjects: 400 * DAY_MS,
  gaps: 400 * DAY_MS,
  /** Failure objects may contain events of an erased identity. */
  erasures: 400 * DAY_MS,
  bulkPublishes: 400 * DAY_MS,
  /**
   * A record is written at about the same time as the row of its dataset. A record without a dataset after this time is
   * therefore a leftover.
   */
  strays: DAY_MS,
};

/** Numbers of removed rows; for `values`, the number of erased values. */
export interface QuerySweepOutcome extends DatasetsSwept {
  quarantined: number;
  datedRemovals: number;
  /** Rows about redriven objects, gaps, erased identities and bulk publishes. */
  notes: number;
  /** The dataset at which the sweep stopped; the next sweep starts after this dataset. */
  last: string;
  /** Whether the time budget ended before all datasets were swept. */
  isCutShort: boolean;
}

/**
 * Removes expired rows of the query store, step by step. The sweep over the datasets is circular: after the last
 * dataset, it continues with the first. If each sweep starts where the previous one stopped, all datasets are swept
 * equally often, even if every sweep has little time.
 *
 * @param after the dataset at which the previous sweep stopped, or any other id
 * @param timeBudgetMs no step starts once this much time has passed, but at least one step always runs
 */
export async function sweepQueryStore(
  { sweep, now }: { sweep: QuerySweep; now: () => number },
  { after, timeBudgetMs }: { after: string; timeBudgetMs: number },
): Promise<QuerySweepOutcome> {
  const startedAt = now();
  const before = (retentionMs: number) => startedAt - retentionMs;
  const isTimeUp = () => now() - startedAt >= timeBudgetMs;
  const removeAll = async (step: () => Promise<number>) => {
    let removed = 0;
    for (;;) {
      const rows = await step();
      removed += rows;
      if (rows === 0 || isTimeUp()) return removed;
    }
  };
  const quarantineTimes = {
    quarantined: before(RETENTION_MS.quarantined),
    redriven: before(RETENTION_MS.redriven),
  };
  const quarantined = await removeAll(() => sweep.removeQuarantined(quarantineTimes));
  const datedRemovals = await removeAll(() => sweep.removeDatedRemovals(before(RETENTION_MS.datedRemovals)));
  const notes =
    (await removeAll(() => sweep.removeRedrivenObjects(before(RETENTION_MS.redrivenObjects)))) +
    (await removeAll(() => sweep.removeRepairedGaps(before(RETENTION_MS.gaps)))) +
    (await removeAll(() => sweep.removeErasures(before(RETENTION_MS.erasures)))) +
    (await removeAll(() => sweep.removeBulkPublishes(before(RETENTION_MS.bulkPublishes))));
  const rowTimes = { tombstones: before(RETENTION_MS.tombstones), strays: before(RETENTION_MS.strays) };
  const walk = await walkDatasets((at) => sweep.sweepDatasets(at, rowTimes), after, isTimeUp);
  return { quarantined, datedRemovals, notes, ...walk };
}

async function walkDatasets(
  step: (after: string) => ReturnType<QuerySweep['sweepDatasets']>,
  start: string,
  isTimeUp: () => boolean,
): Promise<DatasetsSwept & Pick<QuerySweepOutcome, 'last' | 'isCutShort'>> {
  const swept = { tombstones: 0, datasets: 0, values: 0, strays: 0 };
  let at = start;
  let hasWrapped = false;
  for (;;) {
    const { last, tombstones, datasets, values, strays } = await step(at);
    swept.tombstones += tombstones;
    swept.datasets += datasets;
    swept.values += values;
    swept.strays += strays;
    at = last ?? FIRST_DATASET;
    const isDone = last === null ? hasWrapped || start === FIRST_DATASET : hasWrapped && last >= start;
    if (isDone) return { ...swept, last: at, isCutShort: false };
    hasWrapped ||= last === null;
    if (isTimeUp()) return { ...swept, last: at, isCutShort: true };
  }
}
