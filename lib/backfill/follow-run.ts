import type { PublishDetails } from './ports/sync-client.ts';
import type { PublishRun, RunFacts } from './publish-model.ts';
import { endedUnseen, failed, published, publishing } from './run-transitions.ts';

interface Seen {
  identityPoolId: string;
  details: PublishDetails;
  /** The pool's stream, for a bulk publish that is not stored yet; null if unknown. */
  streamName: string | null;
  /** Creation time of the stream on which the bulk publish started; null if unknown. */
  streamCreatedAt?: number | null;
  /** Epoch milliseconds. */
  now: number;
}

/**
 * Updates a pool's stored bulk publishes with what the service reports about the pool's last bulk publish. Once a poll
 * has seen the end of a bulk publish, that end is final, even if a delayed response reports otherwise.
 *
 * @param stored the stored bulk publishes of the pool
 * @returns the bulk publishes that changed
 */
export function followRuns(stored: readonly PublishRun[], seen: Seen): PublishRun[] {
  const { details, now } = seen;
  const missed = stored
    .filter((run) => run.status === 'IN_PROGRESS' && hasEnded(run, details))
    .map((run) => endedUnseen(run, now));
  const current = followCurrent(stored, seen);
  return current ? [...missed, current] : missed;
}

/**
 * Whether a stored bulk publish must have ended: a later bulk publish has started, or the pool was recreated under the
 * same id, so that the service reports no bulk publish.
 */
function hasEnded({ startedAt }: PublishRun, details: PublishDetails): boolean {
  return details.startedAt === null || details.startedAt > startedAt;
}

function followCurrent(
  stored: readonly PublishRun[],
  { identityPoolId, details, streamName, streamCreatedAt = null, now }: Seen,
): PublishRun | null {
  const { status, startedAt, failureMessage } = details;
  if (status === 'NOT_STARTED' || startedAt === null) return null;
  const known = stored.find((run) => run.startedAt === startedAt);
  if (known && (known.status === status || known.status === 'SUCCEEDED' || known.status === 'FAILED')) {
    // If a command started the bulk publish, it stored the run without the stream's creation time. Add the creation
    // time now.
    const isNews = known.status === 'IN_PROGRESS' && known.streamCreatedAt === null;
    return isNews && streamCreatedAt !== null ? { ...known, streamCreatedAt } : null;
  }
  const run: RunFacts = {
    identityPoolId,
    startedAt,
    streamName: known ? known.streamName : streamName,
    streamCreatedAt: known?.streamCreatedAt ?? streamCreatedAt,
    // Amazon reports the end of a successful bulk publish. If that end is missing, use the current time: no later
    // record can belong to the bulk publish.
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
