import type { Gap, PublishRun } from './publish-model.ts';

type Time = Pick<Gap, 'since' | 'until'>;

/**
 * Determines whether a pool needs a bulk publish after a gap, a period whose events may not have reached the query
 * store. Identities created in the gap are unknown to the query store, and a reconciliation compares only known
 * identities. Only a bulk publish that started after the gap includes all identities.
 *
 * @param gaps all gaps of the pool, repaired or not
 * @param runs all bulk publishes of the pool
 * @returns the time after which the bulk publish must start, in epoch milliseconds; null if no bulk publish is needed,
 *   or if a gap still continues
 */
export function needsPublishAfter(
  gaps: readonly Time[],
  runs: readonly Pick<PublishRun, 'startedAt' | 'completeness'>[],
): number | null {
  const end = lastEnd(gaps);
  if (end === null || end === Number.POSITIVE_INFINITY) return null;
  const isPublished = runs.some(
    ({ startedAt, completeness }) => completeness === 'projected' && startedAt >= end,
  );
  return isPublished ? null : end;
}

/**
 * Whether a bulk publish started before the last gap of its pool ended. Such a bulk publish may lack data of the gap.
 */
export function beganBeforeGapEnd(
  { startedAt }: Pick<PublishRun, 'startedAt'>,
  gaps: readonly Time[],
): boolean {
  const end = lastEnd(gaps);
  return end !== null && startedAt < end;
}

/** Returns the end of the last gap: Infinity while a gap continues, null without gaps. */
function lastEnd(gaps: readonly Time[]): number | null {
  if (gaps.length === 0) return null;
  return Math.max(...gaps.map(({ until }) => until ?? Number.POSITIVE_INFINITY));
}
