import type { PublishRun } from '../publish-model.ts';
import type { Completeness, RunState, RunStatus, ShardsSeen } from '../run-state.ts';

/** A row of `projection.bulk_publishes`. */
export interface RunRow {
  identity_pool_id: string;
  started_ms: number;
  stream_name: string | null;
  status: RunStatus;
  completed_ms: number | null;
  failure_message: string | null;
  completeness: Completeness;
  waiting_for: string | null;
  projected_ms: number | null;
  /**
   * Progress of the shards: null if the shards were not read, a hash of the shards' positions, or `PASSED` or `LOST`.
   */
  position_mark: string | null;
  position_ms: number | null;
  checked_ms: number;
  stream_created_ms: number | null;
}

const PASSED = 'passed';
const LOST = 'expired';

/** Returns the values in the order of the columns. */
export function toRunValues(run: PublishRun): (string | number | null)[] {
  return [
    run.identityPoolId,
    run.startedAt,
    run.streamName,
    run.status,
    run.completedAt,
    run.failureMessage,
    run.completeness,
    run.waitingFor,
    run.projectedAt,
    toMark(run.shards),
    run.unmovedSince,
    run.checkedAt,
    run.streamCreatedAt,
  ];
}

export function toRun(row: RunRow): PublishRun {
  return {
    identityPoolId: row.identity_pool_id,
    startedAt: row.started_ms,
    streamName: row.stream_name,
    streamCreatedAt: row.stream_created_ms,
    completedAt: row.completed_ms,
    failureMessage: row.failure_message,
    unmovedSince: row.position_ms,
    checkedAt: row.checked_ms,
    ...toState(row),
  };
}

function toState(row: RunRow): RunState {
  const { status, completeness, waiting_for: waitingFor, position_mark: mark } = row;
  const projectedAt = null;
  const shards = { kind: 'not-read' } as const;
  if (status === 'IN_PROGRESS') return { status, completeness: 'waiting', waitingFor, projectedAt, shards };
  if (status !== 'SUCCEEDED') {
    return { status, completeness: 'unknown', waitingFor: null, projectedAt, shards };
  }
  if (completeness === 'projected') {
    const foundAt = row.projected_ms ?? row.checked_ms;
    return { status, completeness, waitingFor: null, projectedAt: foundAt, shards: { kind: 'passed' } };
  }
  if (mark === LOST) {
    return { status, completeness: 'unknown', waitingFor, projectedAt, shards: { kind: 'lost' } };
  }
  return { status, completeness, waitingFor, projectedAt, shards: toShards(mark) };
}

function toMark(shards: PublishRun['shards']): string | null {
  switch (shards.kind) {
    case 'not-read':
      return null;
    case 'behind':
      return shards.mark;
    case 'passed':
      return PASSED;
    case 'lost':
      return LOST;
  }
}

function toShards(mark: string | null): ShardsSeen {
  if (mark === null) return { kind: 'not-read' };
  return mark === PASSED ? { kind: 'passed' } : { kind: 'behind', mark };
}
