import type { Gap, SeenStreaming } from './publish-model.ts';

/** What a look at a pool's streaming makes of its gaps. */
export interface StreamingChange {
  /** One to be kept; null where nothing is missing. */
  opens: Pick<Gap, 'identityPoolId' | 'since' | 'cause' | 'until'> | null;
  /** When those that go on are over, if any; null where they go on. */
  endsAt: number | null;
}

/**
 * From how a pool was seen to stream before, to how it is seen now: what changed in a time in which it may not have
 * streamed, or to a stream that nobody projects, is missing since it was last seen to stream. A bulk publish brings
 * that, but for removals.
 *
 * @param publishedAt the start of the last bulk publish, which a pool that does not stream is refused: where it is later
 *   than the look that found no streaming, the pool streamed by then. Epoch milliseconds
 * @param before null where it was never seen: then nothing is known to be missing
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
  // A clock that was set back does not make it end before it began.
  const until = endsAt === null ? null : Math.max(endsAt, since);
  return { opens: { identityPoolId, since, cause: 'streaming-off', until }, endsAt };
}
