import { type DatasetsSwept, FIRST_DATASET, type QuerySweep } from './query-sweep.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** How long things are kept, in milliseconds. */
const KEPT = {
  quarantined: 90 * DAY_MS,
  /** What was redriven is in the tables, or was given up by somebody. */
  redriven: 7 * DAY_MS,
  /** As long as a stream can keep events at most: no older write can come any more. */
  tombstones: 365 * DAY_MS,
  datedRemovals: 365 * DAY_MS,
  /** Longer than any failure object is kept. */
  redrivenObjects: 400 * DAY_MS,
  gaps: 400 * DAY_MS,
  bulkPublishes: 400 * DAY_MS,
  /** A record is written beside the row of its dataset, not long before it. */
  strays: DAY_MS,
};

/** In rows; of `values`, those erased. */
export interface QuerySweepOutcome extends DatasetsSwept {
  quarantined: number;
  datedRemovals: number;
  /** Redriven objects, gaps and bulk publishes. */
  notes: number;
  /** Where the walk over the datasets ended; the next one begins there. */
  last: string;
  /** Whether the time ended before all datasets were looked at. */
  isCutShort: boolean;
}

/**
 * Removes what the query store has kept for long enough, step by step. The walk over the datasets goes round in a circle:
 * wherever it begins, and however little of it the time allows, each dataset has its turn as often as any other.
 *
 * @param after where the walk before ended, or anywhere
 * @param timeBudgetMs after this long no further step is begun; one always is
 */
export async function sweepQueryStore(
  { sweep, now }: { sweep: QuerySweep; now: () => number },
  { after, timeBudgetMs }: { after: string; timeBudgetMs: number },
): Promise<QuerySweepOutcome> {
  const startedAt = now();
  const before = (kept: number) => startedAt - kept;
  const isOver = () => now() - startedAt >= timeBudgetMs;
  const all = async (step: () => Promise<number>) => {
    let removed = 0;
    for (;;) {
      const rows = await step();
      removed += rows;
      if (rows === 0 || isOver()) return removed;
    }
  };
  const quarantineTimes = { quarantined: before(KEPT.quarantined), redriven: before(KEPT.redriven) };
  const quarantined = await all(() => sweep.removeQuarantined(quarantineTimes));
  const datedRemovals = await all(() => sweep.removeDatedRemovals(before(KEPT.datedRemovals)));
  const notes =
    (await all(() => sweep.removeRedrivenObjects(before(KEPT.redrivenObjects)))) +
    (await all(() => sweep.removeMendedGaps(before(KEPT.gaps)))) +
    (await all(() => sweep.removeBulkPublishes(before(KEPT.bulkPublishes))));
  const rowTimes = { tombstones: before(KEPT.tombstones), strays: before(KEPT.strays) };
  const walk = await walkDatasets((at) => sweep.sweepDatasets(at, rowTimes), after, isOver);
  return { quarantined, datedRemovals, notes, ...walk };
}

async function walkDatasets(
  step: (after: string) => ReturnType<QuerySweep['sweepDatasets']>,
  start: string,
  isOver: () => boolean,
): Promise<DatasetsSwept & Pick<QuerySweepOutcome, 'last' | 'isCutShort'>> {
  const swept = { tombstones: 0, datasets: 0, values: 0, strays: 0 };
  let at = start;
  let isRound = false;
  for (;;) {
    const { last, tombstones, datasets, values, strays } = await step(at);
    swept.tombstones += tombstones;
    swept.datasets += datasets;
    swept.values += values;
    swept.strays += strays;
    at = last ?? FIRST_DATASET;
    const isDone = last === null ? isRound || start === FIRST_DATASET : isRound && last >= start;
    if (isDone) return { ...swept, last: at, isCutShort: false };
    isRound ||= last === null;
    if (isOver()) return { ...swept, last: at, isCutShort: true };
  }
}
