import type { Gap } from '../../../../lib/backfill/publish-model.ts';
import type { QuarantineCount } from '../../../../lib/backfill/status-store.ts';
import { count, durationText, timeText } from '../../terminal/format.ts';
import { describePublishNeeded, describeRun, endOf } from '../bulk-publish/describe-run.ts';
import { describeStreaming } from '../connection/plan-connection.ts';
import type { PoolReport, ShardReport, StatusReport, StreamReport } from './status-report.ts';

/** Formats a status report for people, as lines. */
export function describeStatus(report: StatusReport): string[] {
  const { problem, pools, streams, ofUnknownPool } = report;
  const todo = findingsOf(report);
  return [
    ...(problem === null ? [] : [`The service was not queried: ${problem}`]),
    ...pools.flatMap(describePool),
    ...(pools.length === 0 ? ['No identity pools are known.'] : []),
    ...streams.flatMap(describeStream),
    ...(ofUnknownPool.length > 0 ? [`in quarantine, pool unknown: ${describeCounts(ofUnknownPool)}`] : []),
    ...(todo.length > 0 ? ['Needs attention:', ...todo.map((what) => `  ${what}`)] : []),
  ];
}

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
        `stream ${streamName}: events are waiting in a shard, and none was ever projected; check that a function projects this stream`,
      ]
    : [];
}

function needsOf(pool: PoolReport): string[] {
  const { identityPoolId, problem, lastRun, gaps, quarantine, needsPublishAfter } = pool;
  const end = lastRun && endOf(lastRun);
  const isBad = end === 'failed' || end === 'stalled';
  return [
    ...(problem === null ? [] : [problem]),
    ...(isBad ? [`its bulk publish ${end === 'failed' ? 'has failed' : 'has stalled'}`] : []),
    ...gaps.map((gap) => `${describeGap(gap)}: ${describeRepair(gap, identityPoolId)}`),
    ...(needsPublishAfter === null ? [] : [describePublishNeeded(identityPoolId, needsPublishAfter)]),
    ...(quarantine.length > 0
      ? [`in quarantine: ${describeCounts(quarantine)}; run \`redrive\` to project them again`]
      : []),
  ];
}

/**
 * Describes how to repair a gap, a time in which events may have been lost. A gap that has not ended cannot be repaired
 * yet, because more removals may follow.
 */
function describeRepair({ until, cause }: Pick<Gap, 'until' | 'cause'>, identityPoolId: string): string {
  const command = `run \`reconcile --pool ${identityPoolId}\``;
  if (until !== null) return command;
  return cause === 'expired'
    ? `once the shards of the stream are projected, ${command}`
    : `once the pool streams again, ${command}`;
}

function describeGap({ since, until, cause }: Pick<Gap, 'since' | 'until' | 'cause'>): string {
  const why =
    cause === 'expired'
      ? 'records may have expired from the stream unread, or the stream was deleted and created again'
      : 'the pool did not stream';
  const end = until === null ? '' : ` until ${timeText(until)}`;
  return `removals may be missing since ${timeText(since)}${end}, because ${why}`;
}

function describePool(pool: PoolReport): string[] {
  const { identityPoolId, now, lastRun, gaps, reconciliation, quarantine } = pool;
  return [
    identityPoolId,
    line('streaming', describePoolStreaming(pool)),
    ...(now ? [line('sync trigger', now.syncTrigger ?? 'none')] : []),
    line('bulk publish', lastRun ? describeRun(lastRun) : 'never'),
    ...(gaps.length === 0 ? [line('gaps', 'none')] : gaps.map((gap) => line('gaps', describeGap(gap)))),
    line('reconciled', describeReconciliation(reconciliation)),
    line('quarantine', quarantine.length === 0 ? 'none' : describeCounts(quarantine)),
  ];
}

function line(name: string, value: string): string {
  return `  ${name.padEnd(14)}${value}`;
}

function describePoolStreaming({ now, seen, problem }: PoolReport): string {
  if (now) {
    const { roleArn } = now.streaming;
    return `${describeStreaming(now.streaming)}${roleArn === null ? '' : `, role ${roleArn}`}`;
  }
  const before = seen ? `${describeStreaming(seen)} when seen at ${timeText(seen.checkedAt)}` : 'never seen';
  return problem === null ? before : `${before}; ${problem}`;
}

function describeReconciliation(reconciliation: PoolReport['reconciliation']): string {
  if (reconciliation === null) return 'never';
  const { startedAt, finishedAt, compared, repaired } = reconciliation;
  const counts = `${count(compared, 'dataset')} compared, ${repaired} repaired`;
  return finishedAt === null
    ? `started ${timeText(startedAt)}, not finished: ${counts}`
    : `${timeText(finishedAt)}: ${counts}`;
}

function describeCounts(counts: readonly QuarantineCount[]): string {
  return counts.map(({ reason, events }) => `${events} ${reason}`).join(', ');
}

function describeStream({ streamName, shards, problem }: StreamReport): string[] {
  return [
    `stream ${streamName}`,
    ...(problem === null ? [] : [`  ${problem}`]),
    ...shards.map((shard) => `  ${shard.shardId}  ${describeShard(shard)}`),
  ];
}

function describeShard({ arrivedAt, projectedAt, waiting }: ShardReport): string {
  return [describePosition({ arrivedAt, projectedAt }), ...(waiting ? [describeWaiting(waiting)] : [])].join(
    ', ',
  );
}

function describePosition({
  arrivedAt,
  projectedAt,
}: Pick<ShardReport, 'arrivedAt' | 'projectedAt'>): string {
  if (projectedAt === null) return 'nothing projected yet';
  if (arrivedAt === null) return `projected at ${timeText(projectedAt)}, position unknown`;
  return `projected up to the events that arrived at ${timeText(arrivedAt)}`;
}

function describeWaiting({ events, hasMore, lagMs }: NonNullable<ShardReport['waiting']>): string {
  if (events === 0) return 'nothing waiting';
  return `${count(events, 'event')}${hasMore ? ' or more' : ''} waiting, the oldest for ${durationText(lagMs)}`;
}
