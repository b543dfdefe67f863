import type { StreamReader } from '../backfill/ports/evidence.ts';
import { allDone } from './copy-data.ts';
import type { MoveStore } from './ports/move-store.ts';
import type { Origin } from './ports/origin.ts';

interface OldestWaitingDeps {
  store: Pick<MoveStore, 'readShards'>;
  origin: Pick<Origin, 'name' | 'streamName'>;
  streams: Pick<StreamReader, 'listShards' | 'readBacklog'>;
}

/** The events of an origin's stream that are not applied yet. */
export interface OldestWaiting {
  /** Arrival of the oldest event that was found, in epoch milliseconds; null if none was found. */
  arrivedAt: number | null;
  /** False if the read of a shard ended before it found an event or the newest record. An event may then be waiting. */
  isConclusive: boolean;
}

/**
 * Maximum number of shards that are read concurrently. Kinesis limits the reads per shard, so reads of different shards
 * do not slow each other down. This limit is for memory: a record can have 1 MB. The read of a shard that has had no
 * records for long takes up to about 35 seconds, so the time limit of `check-origin`, 120 seconds, is enough for 192
 * shards.
 */
const CONCURRENT = 64;

/**
 * Finds the oldest event of an origin's stream that is not applied yet. Reads in each shard what follows the last applied
 * record.
 *
 * @throws {EvidenceError} the stream could not be read
 */
export async function readOldestWaiting({
  store,
  origin,
  streams,
}: OldestWaitingDeps): Promise<OldestWaiting> {
  const positions = await store.readShards(origin.name, origin.streamName);
  const waiting: OldestWaiting = { arrivedAt: null, isConclusive: true };
  const queue = (await streams.listShards(origin.streamName)).values();
  const work = async () => {
    for (const { shardId } of queue) {
      const query = { after: positions.get(shardId) ?? null, notBefore: null, maxRecords: 1 };
      const backlog = await streams.readBacklog(origin.streamName, shardId, query);
      if (backlog === null) continue;
      waiting.isConclusive &&= backlog.isConclusive;
      for (const arrivedAt of backlog.arrivals)
        waiting.arrivedAt = Math.min(arrivedAt, waiting.arrivedAt ?? arrivedAt);
    }
  };
  await allDone(Array.from({ length: CONCURRENT }, work));
  return waiting;
}
