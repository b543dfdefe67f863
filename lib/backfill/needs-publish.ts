import type { Gap, PublishRun } from './publish-model.ts';

type Time = Pick<Gap, 'since' | 'until'>;

/**
 * Whether a pool needs a bulk publish, as people may have come in a gap of whom the query store has never heard: a
 * reconciliation asks for those alone that it knows. Only one that began after the gap has all of them.
 *
 * @param gaps of the pool, mended or not
 * @param runs of the pool
 * @returns after when it has to begin, epoch milliseconds; null where none is needed, or a gap still goes on
 */
export function needsPublishAfter(
  gaps: readonly Time[],
  runs: readonly Pick<PublishRun, 'startedAt' | 'completeness'>[],
): number | null {
  const end = lastEnd(gaps);
  if (end === null || end === Number.POSITIVE_INFINITY) return null;
  const isBrought = runs.some(
    ({ startedAt, completeness }) => completeness === 'projected' && startedAt >= end,
  );
  return isBrought ? null : end;
}

/** Whether a bulk publish began before the end of the last gap of its pool: it may lack what came in the gap. */
export function beganBeforeGapEnd(
  { startedAt }: Pick<PublishRun, 'startedAt'>,
  gaps: readonly Time[],
): boolean {
  const end = lastEnd(gaps);
  return end !== null && startedAt < end;
}

/** Infinity while one goes on; null where there is none. */
function lastEnd(gaps: readonly Time[]): number | null {
  if (gaps.length === 0) return null;
  return Math.max(...gaps.map(({ until }) => until ?? Number.POSITIVE_INFINITY));
}
