import type { OpenRun, PublishRun, RunFacts } from './publish-model.ts';
import type { ShardsSeen } from './run-state.ts';

// What leads from one state of a bulk publish to another; when, is told by those who call it. Times are epoch milliseconds.

const NOT_READ = { kind: 'not-read' } as const;
const NOTHING_TO_TELL = {
  completeness: 'unknown',
  waitingFor: null,
  projectedAt: null,
  shards: NOT_READ,
} as const;

/** How long nothing moves before somebody is told. */
const STALL_MS = 15 * 60 * 1000;

/** Whether there is more to be found out about the run. */
export function isOpen(run: PublishRun): run is OpenRun {
  return run.status === 'SUCCEEDED' && run.completeness !== 'projected' && run.shards.kind !== 'lost';
}

/** The service is at it. */
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

/** The service has failed to put all onto the stream. */
export function failed(run: RunFacts): PublishRun {
  return { ...run, ...NOTHING_TO_TELL, status: 'FAILED' };
}

/** Another one began since, and nobody will say how this one ended. */
export function endedUnseen(run: RunFacts, now: number): PublishRun {
  return { ...run, ...NOTHING_TO_TELL, status: 'UNSEEN', checkedAt: now };
}

/** The service has put all onto the stream, where it is to be looked for. */
export function published(run: RunFacts): OpenRun {
  const isStreamKnown = run.streamName !== null;
  return {
    ...run,
    status: 'SUCCEEDED',
    completeness: isStreamKnown ? 'waiting' : 'unknown',
    waitingFor: isStreamKnown ? 'a look at the stream' : 'its stream is not known',
    projectedAt: null,
    shards: NOT_READ,
  };
}

/** It waits on, or has stalled: nothing has moved for a quarter of an hour. */
export function keepWaiting(run: OpenRun, waitingFor: string, shards: ShardsSeen, now: number): OpenRun {
  const since = isSame(shards, run.shards) ? (run.unmovedSince ?? now) : now;
  // A clock that was set back begins anew.
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

/** Nobody can tell now, but perhaps later. */
export function cannotBeKnown(run: OpenRun, why: string, now: number): OpenRun {
  return { ...run, completeness: 'unknown', waitingFor: why, checkedAt: now };
}

/** The stream has lost what would tell, or is another one by now. */
export function cannotBeFound(run: OpenRun, now: number): PublishRun {
  const why =
    'its records may have left the stream before anybody looked, or went with a stream since made anew';
  return { ...run, completeness: 'unknown', waitingFor: why, shards: { kind: 'lost' }, checkedAt: now };
}

/** All of it is in the query store. */
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
