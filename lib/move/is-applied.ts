import type { StreamReader } from '../backfill/ports/evidence.ts';
import type { MoveStore } from './ports/move-store.ts';
import type { Origin } from './ports/origin.ts';

interface IsAppliedDeps {
  store: Pick<MoveStore, 'readShards'>;
  origin: Pick<Origin, 'name' | 'streamName'>;
  streams: Pick<StreamReader, 'listShards' | 'readBacklog'>;
}

/**
 * Returns whether all events of an origin's stream that arrived before a time are applied. Reads in each shard what
 * follows the last applied record.
 *
 * @param before epoch milliseconds
 * @throws {EvidenceError} the stream could not be read
 */
export async function isApplied({ store, origin, streams }: IsAppliedDeps, before: number): Promise<boolean> {
  const positions = await store.readShards(origin.name, origin.streamName);
  for (const { shardId } of await streams.listShards(origin.streamName)) {
    const query = { after: positions.get(shardId) ?? null, notBefore: null };
    const backlog = await streams.readBacklog(origin.streamName, shardId, query);
    if (backlog === null) continue;
    if (!backlog.isConclusive || backlog.arrivals.some((arrivedAt) => arrivedAt < before)) return false;
  }
  return true;
}
