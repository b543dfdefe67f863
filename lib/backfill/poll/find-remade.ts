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
 * Detects whether a stream was deleted and created again under the same name. The deletion also deleted the records
 * that were not projected yet.
 *
 * The creation time identifies the stream. If an earlier poll saved a creation time, the stream was created again if
 * the two times differ. They are compared only for equality, because clocks can be set back. If no poll saved a
 * creation time, the stream counts as created again unless all of its projected shards are left out of the result.
 *
 * The result leaves out two kinds of shards:
 *
 * - The last projected record arrived at or after the creation. This record belongs to the new stream and says nothing
 *   about the previous one.
 * - A poll at or after the creation found no record waiting on the shard. Each poll checks first whether the stream was
 *   created again, so that poll has already reported a loss.
 *
 * For the second kind, `readQuietShards` compares the creation time with `empty_ms`, the time of that poll. One of
 * these times comes from the clock of Kinesis, the other from the clock of the poller. If the clocks differ, a shard
 * can be left out or included wrongly.
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
