import type { OpenRun, PublishRun, RunFacts } from './publish-model.ts';
import type { ShardsSeen } from './run-state.ts';

// The transitions between the states of a bulk publish. Callers decide when a transition applies. Times are epoch
// milliseconds.

const NOT_READ = { kind: 'not-read' } as const;
const WITHOUT_COMPLETENESS = {
  completeness: 'unknown',
  waitingFor: null,
  projectedAt: null,
  shards: NOT_READ,
} as const;

/** Time without progress after which a run counts as stalled, so that the operator is notified. */
const STALL_MS = 15 * 60 * 1000;

/** Whether the run needs further evaluation. */
export function isOpen(run: PublishRun): run is OpenRun {
  return run.status === 'SUCCEEDED' && run.completeness !== 'projected' && run.shards.kind !== 'lost';
}

/** The service is publishing. */
export function publishing(run: RunFacts): PublishRun {
  return {
    ...run,
    status: 'IN_PROGRESS',
    completeness: 'waiting',
    waitingFor: 'the service, which is still publishing',
    projectedAt: null,
    shards: NOT_READ,
  };
}

/** The bulk publish failed: the service did not write everything to the stream. */
export function failed(run: RunFacts): PublishRun {
  return { ...run, ...WITHOUT_COMPLETENESS, status: 'FAILED' };
}

/**
 * A newer bulk publish has started, or the pool was recreated, so the service will never report how this bulk publish
 * ended.
 */
export function endedUnseen(run: RunFacts, now: number): PublishRun {
  return { ...run, ...WITHOUT_COMPLETENESS, status: 'UNSEEN', checkedAt: now };
}

/** The service wrote everything to the stream. The poller must now find out whether everything is projected. */
export function published(run: RunFacts): OpenRun {
  const isStreamKnown = run.streamName !== null;
  return {
    ...run,
    status: 'SUCCEEDED',
    completeness: isStreamKnown ? 'waiting' : 'unknown',
    waitingFor: isStreamKnown
      ? 'the poller, which has not read the stream yet'
      : 'the service does not report which stream was used',
    projectedAt: null,
    shards: NOT_READ,
  };
}

/** The run still has records to be projected. After 15 minutes without progress, the run counts as stalled. */
export function keepWaiting(run: OpenRun, waitingFor: string, shards: ShardsSeen, now: number): OpenRun {
  const since = isSame(shards, run.shards) ? (run.unmovedSince ?? now) : now;
  // If the clock was set back, count the time without progress from now on.
  const unmovedSince = Math.min(since, now);
  return {
    ...run,
    completeness: now - unmovedSince >= STALL_MS ? 'stalled' : 'waiting',
    waitingFor,
    shards,
    unmovedSince,
    checkedAt: now,
  };
}

/** Completeness cannot be determined now, but perhaps later. */
export function cannotBeKnown(run: OpenRun, why: string, now: number): OpenRun {
  return { ...run, completeness: 'unknown', waitingFor: why, checkedAt: now };
}

/** The stream no longer has the records that would show whether everything is projected, or was recreated. */
export function cannotBeFound(run: OpenRun, now: number): PublishRun {
  const why =
    'its records may have expired before they were read, or may have been lost when the stream was recreated';
  return { ...run, completeness: 'unknown', waitingFor: why, shards: { kind: 'lost' }, checkedAt: now };
}

/** Everything that the bulk publish wrote is in the query store. */
export function projected(run: OpenRun, now: number): PublishRun {
  return {
    ...run,
    completeness: 'projected',
    waitingFor: null,
    projectedAt: now,
    shards: { kind: 'passed' },
    checkedAt: now,
  };
}

function isSame(one: ShardsSeen, other: ShardsSeen): boolean {
  if (one.kind === 'behind' && other.kind === 'behind') return one.mark === other.mark;
  return one.kind === other.kind;
}
