import type { PublishRun } from '../../../../lib/backfill/publish-model.ts';
import { isoOf, timeText } from '../../terminal/format.ts';

/** How a bulk publish ended. `projected` means that all its datasets are in the query store. */
export type RunEnd = 'projected' | 'failed' | 'unseen' | 'stalled' | 'unknown';

/** Returns how a bulk publish ended; null if it is in progress. */
export function endOf({ status, completeness }: PublishRun): RunEnd | null {
  if (completeness === 'projected') return 'projected';
  if (status === 'FAILED') return 'failed';
  if (status === 'UNSEEN') return 'unseen';
  if (status === 'IN_PROGRESS' || completeness === 'waiting') return null;
  return completeness;
}

/** Describes a bulk publish in one line. */
export function describeRun(run: PublishRun): string {
  const { startedAt, completedAt, projectedAt, failureMessage, waitingFor } = run;
  const started = `started ${timeText(startedAt)}`;
  const published = completedAt === null ? '' : `, published ${timeText(completedAt)}`;
  const waiting = waitingFor === null ? 'waiting for an unknown reason' : `waiting for ${waitingFor}`;
  switch (endOf(run)) {
    case 'projected':
      return `${started}${published}, projected ${projectedAt === null ? '' : timeText(projectedAt)}`;
    case 'failed':
      return `${started}, FAILED: ${failureMessage ?? 'the service gave no reason'}`;
    case 'unseen':
      return `${started}, UNSEEN: its end was not observed, because a newer bulk publish started first or the pool was created again`;
    case 'stalled':
      return `${started}${published}, stalled: no progress for 15 minutes, ${waiting}`;
    case 'unknown':
      return `${started}${published}, unknown: ${waitingFor ?? 'the reason is not known'}`;
    case null:
      return `${started}${published}, ${waiting}`;
  }
}

/** Converts a bulk publish to an object for JSON output. */
export function runToJson(run: PublishRun): Record<string, string | null> {
  const { streamName, status, failureMessage, completeness, waitingFor } = run;
  return {
    startedAt: isoOf(run.startedAt),
    completedAt: isoOf(run.completedAt),
    projectedAt: isoOf(run.projectedAt),
    status,
    completeness,
    streamName,
    failureMessage,
    waitingFor,
  };
}

/**
 * Returns one line that says that a bulk publish is needed and which command starts it. A bulk publish is needed after
 * a gap, a time in which events may have been lost. Without it, identities that were created during the gap may be
 * missing from the query store.
 * @param after epoch milliseconds; only a bulk publish that started later is sufficient
 */
export function describePublishNeeded(identityPoolId: string, after: number): string {
  return `a bulk publish is needed: no bulk publish that started after ${timeText(after)} is in the query store; run \`bulk-publish start --pool ${identityPoolId}\``;
}
