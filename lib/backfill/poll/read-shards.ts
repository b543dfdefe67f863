import type { Backlog, BacklogQuery, StreamReader } from '../ports/evidence.ts';
import type { ShardPosition } from '../publish-model.ts';
import type { ShardView } from './evaluate-run.ts';

/** Number of shards that are read concurrently. */
const CONCURRENCY = 8;

const NOT_READ: Backlog = { arrivals: [], hasMore: true, isConclusive: false };

/**
 * Reads every shard of a stream. Reading starts after the shard's last projected record. In a closed shard, records
 * that arrived before `since` are skipped, because they belong to no bulk publish that is evaluated. Such records can
 * stay in the shard until the retention period ends, even if `project-stream` never projects them.
 *
 * @param since start of the oldest bulk publish to evaluate, in epoch milliseconds
 * @throws {EvidenceError} the stream could not be read
 */
export async function readShards(
  streams: StreamReader,
  streamName: string,
  { positions, since }: { positions: readonly ShardPosition[]; since: number },
): Promise<ShardView[]> {
  const byShard = new Map(positions.map((position) => [position.shardId, position]));
  const shards = await streams.listShards(streamName);
  const views: ShardView[] = [];
  for (let at = 0; at < shards.length; at += CONCURRENCY) {
    const read = shards.slice(at, at + CONCURRENCY).map(async ({ shardId, closed }): Promise<ShardView[]> => {
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
