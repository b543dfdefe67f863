import type { QuarantineCount } from '../../../../lib/backfill/ports/status-store.ts';
import type { Gap } from '../../../../lib/backfill/publish-model.ts';
import { timeText } from '../../terminal/format.ts';
import { describePublishNeeded, endOf } from '../bulk-publish/describe-run.ts';
import type { PoolReport, StatusReport, StreamReport } from './status-report.ts';

/** Lists the problems that need an operator, one line each. */
export function findingsOf({ problem, pools, streams, ofUnknownPool }: StatusReport): string[] {
  return [
    ...(problem === null ? [] : [problem]),
    ...pools.flatMap((pool) => needsOf(pool).map((what) => `${pool.identityPoolId}: ${what}`)),
    ...streams.flatMap(needsOfStream),
    ...(ofUnknownPool.length > 0
      ? [`in quarantine: ${describeCounts(ofUnknownPool)}; run \`redrive\` to project them again`]
      : []),
  ];
}

function needsOfStream({ streamName, shards, isStreamedTo, problem }: StreamReport): string[] {
  if (problem !== null) return [problem];
  const isWaiting = shards.some(({ projectedAt, waiting }) => projectedAt === null && waiting?.events);
  return isStreamedTo && isWaiting
    ? [
        `stream ${streamName}: events are waiting in a shard from which no event was ever projected; check that a function projects this stream`,
      ]
    : [];
}

function needsOf(pool: PoolReport): string[] {
  const { identityPoolId, problem, lastRun, gaps, quarantine, needsPublishAfter } = pool;
  const end = lastRun && endOf(lastRun);
  const isBad = end === 'failed' || end === 'stalled';
  return [
    ...(problem === null ? [] : [problem]),
    ...(isBad ? [`the last bulk publish ${end === 'failed' ? 'has failed' : 'has stalled'}`] : []),
    ...gaps.map((gap) => `${describeGap(gap)}: ${describeRepair(gap, identityPoolId)}`),
    ...(needsPublishAfter === null ? [] : [describePublishNeeded(identityPoolId, needsPublishAfter)]),
    ...(quarantine.length > 0
      ? [`in quarantine: ${describeCounts(quarantine)}; run \`redrive\` to project them again`]
      : []),
  ];
}

/**
 * Describes how to repair a gap, a time in which events may have been lost. If the gap has not ended, more removals may
 * be lost, so the repair must wait for its end.
 */
function describeRepair({ until, cause }: Pick<Gap, 'until' | 'cause'>, identityPoolId: string): string {
  const command = `run \`reconcile --pool ${identityPoolId}\``;
  if (until !== null) return command;
  return cause === 'expired'
    ? `once the waiting events of the stream are projected, ${command}`
    : `once the pool streams again, ${command}`;
}

/** Describes a gap in one line. */
export function describeGap({ since, until, cause }: Pick<Gap, 'since' | 'until' | 'cause'>): string {
  const why =
    cause === 'expired'
      ? 'records may have expired from the stream before they were projected, or the stream was deleted and created again'
      : 'the pool did not stream';
  const end = until === null ? '' : ` until ${timeText(until)}`;
  return `removals may be missing since ${timeText(since)}${end}, because ${why}`;
}

/** Describes how many events are in quarantine, by reason. */
export function describeCounts(counts: readonly QuarantineCount[]): string {
  return counts.map(({ reason, events }) => `${events} ${reason}`).join(', ');
}
