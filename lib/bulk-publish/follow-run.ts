import type { PublishRun } from './publish-model.ts';
import type { PublishDetails } from './sync-api-port.ts';

interface Seen {
  identityPoolId: string;
  details: PublishDetails;
  /** Where the pool streams to now. */
  streamName: string | null;
  /** Epoch milliseconds. */
  now: number;
}

/**
 * What is to be kept of a pool's bulk publishes now that the service says this of the last one. An end that was seen
 * stays, whatever an answer that was late says.
 *
 * @param stored those that are kept, of the pool
 * @returns the runs that have changed
 */
export function followRuns(stored: readonly PublishRun[], seen: Seen): PublishRun[] {
  const { details, now } = seen;
  const missed = stored
    .filter((run) => run.status === 'IN_PROGRESS' && isOver(run, details))
    .map((run): PublishRun => ({ ...run, ...UNKNOWN, status: 'UNSEEN', checkedAt: now }));
  const current = followCurrent(stored, seen);
  return current ? [...missed, current] : missed;
}

/** Another one began since, or the pool under this id is another. */
function isOver({ startedAt }: PublishRun, details: PublishDetails): boolean {
  return details.startedAt === null || details.startedAt > startedAt;
}

const UNKNOWN = { completeness: 'unknown', waitingFor: null } as const;

function followCurrent(
  stored: readonly PublishRun[],
  { identityPoolId, details, streamName, now }: Seen,
): PublishRun | null {
  const { status, startedAt, failureMessage } = details;
  if (status === 'NOT_STARTED' || startedAt === null) return null;
  const known = stored.find((run) => run.startedAt === startedAt);
  if (known && (known.status === status || known.status === 'SUCCEEDED' || known.status === 'FAILED')) {
    return null;
  }
  const run: PublishRun = {
    identityPoolId,
    startedAt,
    streamName: known?.streamName ?? streamName,
    status,
    // Amazon gives one that succeeded its end; without it nothing later than now belongs to it.
    completedAt: status === 'SUCCEEDED' ? (details.completedAt ?? now) : details.completedAt,
    failureMessage,
    completeness: 'waiting',
    waitingFor: status === 'IN_PROGRESS' ? 'the service, which is still publishing' : 'a look at the stream',
    projectedAt: null,
    positionMark: null,
    positionAt: null,
    checkedAt: now,
  };
  if (status === 'FAILED') return { ...run, ...UNKNOWN };
  if (status === 'SUCCEEDED' && run.streamName === null) {
    return { ...run, completeness: 'unknown', waitingFor: 'its stream is not known' };
  }
  return run;
}
