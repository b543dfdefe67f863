import { count, durationText, timeText } from '../../terminal/format.ts';
import { describeRun } from '../bulk-publish/describe-run.ts';
import { describeStreaming } from '../connection/plan-connection.ts';
import { describeCounts, describeGap, findingsOf } from './status-findings.ts';
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
