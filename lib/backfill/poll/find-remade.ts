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
 * Detects whether a stream was deleted and created again, by comparing its creation time with its known uses. A known
 * use is a projected record, or a poll that found a pool using the stream. The records of the previous stream are gone,
 * projected or not. A shard that was seen empty after the new stream was created lost nothing.
 *
 * @param seen the stream of each pool, as seen before this poll
 * @returns null if, as far as is known, the stream is still the same
 * @throws {EvidenceError} the stream could not be read
 */
export async function findRemade(
  { store, streams }: { store: Pick<PublishStore, 'readQuietShards'>; streams: StreamReader },
  streamName: string,
  seen: readonly SeenStreaming[],
): Promise<RemadeStream | null> {
  const createdAt = await streams.readCreatedAt(streamName);
  const shards = await store.readQuietShards(streamName, createdAt);
  // Records projected from the new stream replace the stored positions of the old stream. So use the times of earlier
  // polls too.
  const polls = seen
    .filter((one) => one.isEnabled && one.streamName === streamName && one.checkedAt < createdAt)
    .map(({ checkedAt }) => checkedAt);
  const known = shards.map(({ arrivedAt, emptyAt }) => Math.max(arrivedAt, emptyAt ?? 0));
  const times = [...known, ...polls];
  return times.length === 0 ? null : { createdAt, since: Math.min(...times), shards };
}
