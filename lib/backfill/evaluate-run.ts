import { hash } from 'node:crypto';
import type { Backlog } from './evidence.ts';
import type { OpenRun, PublishRun, RunFacts } from './publish-model.ts';
import type { ShardsSeen } from './run-state.ts';
import { cannotBeKnown, keepWaiting, projected } from './run-transitions.ts';

/** A shard as it was read after the bulk publish had ended, from where it is projected to. */
export interface ShardView {
  shardId: string;
  /** The last record that is projected; null where none is, or nobody knows. */
  position: string | null;
  /** Its arrival, epoch milliseconds. */
  arrivedAt: number | null;
  /** False where nobody can know how far the shard is projected. */
  isFollowed: boolean;
  backlog: Backlog;
}

/** What is known about the stream and what was kept off the query store. */
export interface Evidence {
  /** Null where all shards were past the run already, and nobody looked again. */
  shards: readonly ShardView[] | null;
  /** Events of the run's time in quarantine. */
  quarantined: number;
  /** Batches of the run's time that the event source mapping has given up. */
  failedBatches: number;
}

/** Clocks differ, and services round: of records that arrived this much before or after, nobody knows on which side. */
const CLOCK_MARGIN_MS = 1_000;

/** Whether all shards were seen past the end of the run: what is then projected stays so. */
export function hasPassedShards({ shards }: OpenRun): boolean {
  return shards.kind === 'passed';
}

/** When records of the run can have arrived, both ends included. */
export function timeOf({ startedAt, completedAt }: RunFacts): { from: number; to: number } {
  return { from: startedAt - CLOCK_MARGIN_MS, to: (completedAt ?? startedAt) + CLOCK_MARGIN_MS };
}

/**
 * Whether all that a bulk publish which succeeded put onto the stream is in the query store: on no shard waits a record
 * that arrived before it was over, and nothing that arrived meanwhile lies in quarantine or in the failure destination.
 *
 * @param now epoch milliseconds
 */
export function evaluateRun(run: OpenRun, evidence: Evidence, now: number): PublishRun {
  if (evidence.shards?.some(({ isFollowed }) => !isFollowed)) return cannotBeKnown(run, PARALLEL, now);
  const { to } = timeOf(run);
  const behind = (evidence.shards ?? []).flatMap((shard) => describeBehind(shard, to));
  const waitingFor = [
    ...behind.slice(0, 3),
    ...(behind.length > 3 ? [`${behind.length - 3} more shards`] : []),
    ...(evidence.quarantined > 0 ? [`${count(evidence.quarantined, 'event')} in quarantine`] : []),
    ...(evidence.failedBatches > 0 ? [count(evidence.failedBatches, 'failed batch', 'failed batches')] : []),
  ];
  if (waitingFor.length === 0) return projected(run, now);
  const shards: ShardsSeen =
    behind.length === 0 ? { kind: 'passed' } : { kind: 'behind', mark: markOf(evidence.shards ?? []) };
  return keepWaiting(run, waitingFor.join(', '), shards, now);
}

export const PARALLEL = 'batches of one shard are projected side by side, nobody knows how far';

function describeBehind({ shardId, backlog }: ShardView, to: number): string[] {
  const { arrivals, hasMore, isConclusive } = backlog;
  if (!isConclusive) return [`shard ${shardId} is not read to its tip`];
  const behind = arrivals.filter((arrivedAt) => arrivedAt <= to).length;
  if (behind === 0) return [];
  const orMore = hasMore && behind === arrivals.length ? ' or more' : '';
  return [`shard ${shardId} is ${behind}${orMore} ${behind === 1 ? 'event' : 'events'} behind`];
}

function markOf(shards: readonly ShardView[]): string {
  return hash('sha256', JSON.stringify(shards.map(({ shardId, position }) => [shardId, position])), 'hex');
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
