import type { Gap, SeenStreaming } from './publish-model.ts';

/** How a pool's streaming settings affect its gaps, the periods whose removals may be missing in the query store. */
export interface StreamingChange {
  /** The gap to save; null if nothing is missing. */
  opens: Pick<Gap, 'identityPoolId' | 'since' | 'cause' | 'until'> | null;
  /** When the open gaps ended, in epoch milliseconds; null if they continue. */
  endsAt: number | null;
}

/**
 * Compares a pool's streaming settings with its settings at the previous poll. Between the two polls, the pool may not
 * have streamed, or may have used a stream that is not projected. In that case, the query store lacks the changes since
 * the last poll that found the pool streaming. A bulk publish adds these changes, except removals.
 *
 * @param before null if the pool was never polled; then nothing is known to be missing
 * @param publishedAt start of the last bulk publish, in epoch milliseconds. The service rejects a bulk publish of a
 *   pool that does not stream. If a poll found no streaming and a bulk publish started after that poll, the pool
 *   therefore streamed again at that start
 */
export function streamingChange(
  before: SeenStreaming | null,
  now: SeenStreaming,
  publishedAt: number | null = null,
): StreamingChange {
  const isProven =
    before !== null && !before.isEnabled && publishedAt !== null && publishedAt > before.checkedAt;
  const seenAt = isProven ? Math.min(publishedAt, now.checkedAt) : now.checkedAt;
  const endsAt = now.isEnabled ? seenAt : null;
  const isSame = now.isEnabled && before?.streamName === now.streamName;
  if (!before?.isEnabled || isSame) return { opens: null, endsAt };
  const { identityPoolId, checkedAt: since } = before;
  // If the clock was set back, the gap must still not end before it started.
  const until = endsAt === null ? null : Math.max(endsAt, since);
  return { opens: { identityPoolId, since, cause: 'streaming-off', until }, endsAt };
}
