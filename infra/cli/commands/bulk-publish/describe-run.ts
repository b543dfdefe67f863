import type { PublishRun } from '../../../../lib/backfill/publish-model.ts';
import { isoOf, timeText } from '../../terminal/format.ts';

/** How a bulk publish ended, as far as the query store is concerned. */
export type RunEnd = 'projected' | 'failed' | 'unseen' | 'stalled' | 'unknown';

/** Null where it is still under way. */
export function endOf({ status, completeness }: PublishRun): RunEnd | null {
  if (completeness === 'projected') return 'projected';
  if (status === 'FAILED') return 'failed';
  if (status === 'UNSEEN') return 'unseen';
  if (status === 'IN_PROGRESS' || completeness === 'waiting') return null;
  return completeness;
}

/** In one line. */
export function describeRun(run: PublishRun): string {
  const { startedAt, completedAt, projectedAt, failureMessage, waitingFor } = run;
  const started = `started ${timeText(startedAt)}`;
  const published = completedAt === null ? '' : `, published ${timeText(completedAt)}`;
  switch (endOf(run)) {
    case 'projected':
      return `${started}${published}, projected ${projectedAt === null ? '' : timeText(projectedAt)}`;
    case 'failed':
      return `${started}, FAILED: ${failureMessage ?? 'the service does not say why'}`;
    case 'unseen':
      return `${started}, UNSEEN: nobody saw its end, as a newer one began before`;
    case 'stalled':
      return `${started}${published}, stalled: nothing has moved for a quarter of an hour, it waits for ${waitingFor ?? 'nothing'}`;
    case 'unknown':
      return `${started}${published}, unknown: ${waitingFor ?? 'nobody can tell'}`;
    case null:
      return `${started}${published}, waits for ${waitingFor ?? 'nothing'}`;
  }
}

/** The same for a program. */
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

/** That people who came in a gap may be missing, and what brings them: in one line. @param after epoch milliseconds */
export function describePublishNeeded(identityPoolId: string, after: number): string {
  return `a bulk publish is needed: none that began after ${timeText(after)} is in the query store; run \`bulk-publish start --pool ${identityPoolId}\``;
}
