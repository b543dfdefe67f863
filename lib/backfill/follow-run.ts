import type { PublishRun, RunFacts } from './publish-model.ts';
import { endedUnseen, failed, published, publishing } from './run-transitions.ts';
import type { PublishDetails } from './sync-client.ts';

interface Seen {
  identityPoolId: string;
  details: PublishDetails;
  /** Where one that is seen for the first time goes to; null where nobody knows. */
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
    .map((run) => endedUnseen(run, now));
  const current = followCurrent(stored, seen);
  return current ? [...missed, current] : missed;
}

/** Another one began since, or the pool under this id is another. */
function isOver({ startedAt }: PublishRun, details: PublishDetails): boolean {
  return details.startedAt === null || details.startedAt > startedAt;
}

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
  const run: RunFacts = {
    identityPoolId,
    startedAt,
    streamName: known ? known.streamName : streamName,
    // Amazon gives one that succeeded its end; without it nothing later than now belongs to it.
    completedAt: status === 'SUCCEEDED' ? (details.completedAt ?? now) : details.completedAt,
    failureMessage,
    unmovedSince: null,
    checkedAt: now,
  };
  switch (status) {
    case 'IN_PROGRESS':
      return publishing(run);
    case 'FAILED':
      return failed(run);
    case 'SUCCEEDED':
      return published(run);
  }
}
