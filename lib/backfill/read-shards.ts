import type { ShardView } from './evaluate-run.ts';
import type { Backlog, BacklogQuery, StreamReader } from './evidence.ts';
import type { ShardPosition } from './publish-model.ts';

/** Shards that are read at the same time. */
const AT_ONCE = 8;

const NOT_READ: Backlog = { arrivals: [], hasMore: true, isConclusive: false };

/**
 * Reads every shard of a stream from where it is projected to. Of a closed one, records of before `since` are passed
 * over: they may be as old as the stream keeps them, and nobody comes to project them any more.
 *
 * @param since the start of the oldest bulk publish in question, epoch milliseconds
 * @throws {EvidenceError}
 */
export async function readShards(
  streams: StreamReader,
  streamName: string,
  { positions, since }: { positions: readonly ShardPosition[]; since: number },
): Promise<ShardView[]> {
  const byShard = new Map(positions.map((position) => [position.shardId, position]));
  const shards = await streams.listShards(streamName);
  const views: ShardView[] = [];
  for (let at = 0; at < shards.length; at += AT_ONCE) {
    const read = shards.slice(at, at + AT_ONCE).map(async ({ shardId, closed }): Promise<ShardView[]> => {
      const known = byShard.get(shardId);
      const position = known?.sequenceNumber ?? null;
      const view = { shardId, position, arrivedAt: known?.arrivedAt ?? null };
      if (known && position === null) return [{ ...view, isFollowed: false, backlog: NOT_READ }];
      const query: BacklogQuery = { after: position, notBefore: closed ? since : null };
      const backlog = await streams.readBacklog(streamName, shardId, query);
      return backlog ? [{ ...view, isFollowed: true, backlog }] : [];
    });
    views.push(...(await Promise.all(read)).flat());
  }
  return views;
}
