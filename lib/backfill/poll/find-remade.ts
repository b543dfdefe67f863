import type { StreamReader } from '../ports/evidence.ts';
import type { PublishStore } from '../ports/publish-store.ts';
import type { QuietShard, SeenStreaming } from '../publish-model.ts';

/** A stream that was deleted and created again under the same name. Times are epoch milliseconds. */
export interface RemadeStream {
  createdAt: number;
  /** Records that arrived on the previous stream since this time may be missing. */
  since: number;
  /** Projected shards of the previous stream. The new stream may not have these shards. */
  shards: QuietShard[];
}

/**
 * Detects whether a stream was deleted and created again since the last poll that read the stream. If no poll has read
 * the stream, detects whether that happened since its last projected records arrived. The records of the previous
 * stream are lost, even if they were not projected yet. Ignores each shard that a poll found without waiting records
 * after the new stream was created: the shard lost nothing.
 *
 * The creation time identifies the stream. It is not compared with the times of polls, because the clocks of the stream
 * and of the poller differ, and either can be set back.
 *
 * @param seen the stream of each pool, as seen before this poll
 * @returns null if, as far as is known, the stream is still the same
 * @throws {EvidenceError} the stream could not be read
 */
export async function findRemade(
  { store, streams }: { store: PublishStore; streams: StreamReader },
  streamName: string,
  seen: readonly SeenStreaming[],
): Promise<RemadeStream | null> {
  const createdAt = await streams.readCreatedAt(streamName);
  const seenCreation = await store.readSeenCreation(streamName);
  if (seenCreation === createdAt) return null;
  const shards = await store.readQuietShards(streamName, createdAt);
  if (seenCreation === null && shards.length === 0) {
    await store.keepSeenCreation(streamName, createdAt);
    return null;
  }
  // Records projected from the new stream replace the stored positions of the old stream. So use the times of earlier
  // polls too.
  const polls = seen
    .filter((one) => one.isEnabled && one.streamName === streamName)
    .map(({ checkedAt }) => checkedAt);
  const known = shards.map(({ arrivedAt, emptyAt }) => Math.max(arrivedAt, emptyAt ?? 0));
  return { createdAt, since: Math.min(createdAt, ...known, ...polls), shards };
}
