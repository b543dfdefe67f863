import { hash } from 'node:crypto';
import type { Backlog } from '../ports/evidence.ts';
import type { OpenRun, PublishRun, RunFacts } from '../publish-model.ts';
import type { ShardsSeen } from '../run-state.ts';
import { cannotBeKnown, keepWaiting, projected } from '../run-transitions.ts';

/** A shard as read after the bulk publish ended. The read started after the shard's last projected record. */
export interface ShardView {
  shardId: string;
  /** Sequence number of the last projected record. Null if unknown, or if no record is projected. */
  position: string | null;
  /** When the last projected record arrived, in epoch milliseconds. */
  arrivedAt: number | null;
  /** False if it cannot be known how far the shard is projected. */
  isFollowed: boolean;
  backlog: Backlog;
}

/** The state of the stream, and the counts of events that did not reach the query store. */
export interface Evidence {
  /**
   * Null if an earlier poll found all shards projected past the end of the bulk publish. In that case, the shards are
   * not read again.
   */
  shards: readonly ShardView[] | null;
  /** Number of quarantined events that arrived during the bulk publish. */
  quarantined: number;
  /**
   * Number of batches that the event source mapping discarded and that contain records from the time of the bulk
   * publish.
   */
  failedBatches: number;
}

/**
 * Clocks differ, and services round times. Records whose time is this close to a boundary may belong to either side of
 * the boundary.
 */
const CLOCK_MARGIN_MS = 1_000;

/**
 * Whether an earlier poll found all shards projected past the end of the bulk publish. This result cannot change later.
 */
export function hasPassedShards({ shards }: OpenRun): boolean {
  return shards.kind === 'passed';
}

/**
 * Returns the period in which records of the bulk publish can have arrived, both ends included. If the clock was set
 * back during the bulk publish, the end is before the start. If the clock was set back since the stream was created,
 * the start can be before the creation. No record arrives before the stream is created, so in that case the period
 * extends to the creation.
 */
export function arrivalPeriod({ startedAt, completedAt, streamCreatedAt }: RunFacts): {
  from: number;
  to: number;
} {
  const endedAt = completedAt ?? startedAt;
  return {
    from: Math.min(startedAt, endedAt) - CLOCK_MARGIN_MS,
    to: Math.max(startedAt, endedAt, streamCreatedAt ?? startedAt) + CLOCK_MARGIN_MS,
  };
}

/**
 * Evaluates whether everything that a successful bulk publish wrote to the stream is in the query store. That is so if
 * both of these conditions are met:
 *
 * - No shard has a waiting record that arrived before the end of the bulk publish.
 * - No event from the time of the bulk publish is in quarantine or in the failure destination.
 *
 * @param now epoch milliseconds
 */
export function evaluateRun(run: OpenRun, evidence: Evidence, now: number): PublishRun {
  if (evidence.shards?.some(({ isFollowed }) => !isFollowed))
    return cannotBeKnown(run, CONCURRENT_BATCHES, now);
  const { to } = arrivalPeriod(run);
  const behind = (evidence.shards ?? []).flatMap((shard) => describeBehind(shard, to));
  const waitingFor = [
    ...behind.slice(0, 3),
    ...(behind.length > 3 ? [count(behind.length - 3, 'more shard')] : []),
    ...(evidence.quarantined > 0 ? [`${count(evidence.quarantined, 'event')} in quarantine`] : []),
    ...(evidence.failedBatches > 0 ? [count(evidence.failedBatches, 'failed batch', 'failed batches')] : []),
  ];
  if (waitingFor.length === 0) return projected(run, now);
  const shards: ShardsSeen =
    behind.length === 0 ? { kind: 'passed' } : { kind: 'behind', mark: markOf(evidence.shards ?? []) };
  return keepWaiting(run, waitingFor.join(', '), shards, now);
}

export const CONCURRENT_BATCHES = 'batches of one shard are projected concurrently, so progress is unknown';

function describeBehind({ shardId, backlog }: ShardView, to: number): string[] {
  const { arrivals, hasMore, isConclusive } = backlog;
  if (!isConclusive) return [`the rest of shard ${shardId}, which was not read completely`];
  const behind = arrivals.filter((arrivedAt) => arrivedAt <= to).length;
  if (behind === 0) return [];
  const orMore = hasMore && behind === arrivals.length ? ' or more' : '';
  return [`${behind}${orMore} ${behind === 1 ? 'event' : 'events'} on shard ${shardId}`];
}

function markOf(shards: readonly ShardView[]): string {
  return hash('sha256', JSON.stringify(shards.map(({ shardId, position }) => [shardId, position])), 'hex');
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
