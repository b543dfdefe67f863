import type { StreamReader } from './evidence.ts';
import type { QuietShard, SeenStreaming } from './publish-model.ts';
import type { PublishStore } from './publish-store.ts';

/** A stream that is not the one that was projected before, though it has its name. Times are epoch milliseconds. */
export interface RemadeStream {
  createdAt: number;
  /** Since when what was on the one before may be missing. */
  since: number;
  /** Shards that were projected of the one before, the new one may not have them. */
  shards: QuietShard[];
}

/**
 * Whether a stream was deleted and made anew since it was projected, or since a pool was seen to stream to it: what the
 * one before held is gone, projected or not. A shard that was seen empty after the new one was made lost nothing.
 *
 * @param seen where pools were seen to stream to before this look
 * @returns null where it is still the same, as far as anybody knows
 * @throws {EvidenceError}
 */
export async function findRemade(
  { store, streams }: { store: Pick<PublishStore, 'readQuietShards'>; streams: StreamReader },
  streamName: string,
  seen: readonly SeenStreaming[],
): Promise<RemadeStream | null> {
  const createdAt = await streams.readCreatedAt(streamName);
  const shards = await store.readQuietShards(streamName, createdAt);
  // What was projected since hides what was projected before.
  const looks = seen
    .filter((one) => one.isEnabled && one.streamName === streamName && one.checkedAt < createdAt)
    .map(({ checkedAt }) => checkedAt);
  const known = shards.map(({ arrivedAt, emptyAt }) => Math.max(arrivedAt, emptyAt ?? 0));
  const times = [...known, ...looks];
  return times.length === 0 ? null : { createdAt, since: Math.min(...times), shards };
}
