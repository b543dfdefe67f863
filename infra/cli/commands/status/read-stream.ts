import { EvidenceError, type StreamReader } from '../../../../lib/backfill/ports/evidence.ts';
import type { ProjectedPosition } from '../../../../lib/backfill/ports/status-store.ts';
import { describeStreamFailure } from '../../with-service.ts';
import type { ShardReport, StreamReport } from './status-report.ts';

/**
 * Reads up to which position each shard of a stream is projected, and which events are waiting after that position.
 *
 * @param streams null if no stream can be read; then the report contains only the stored positions
 * @param now epoch milliseconds
 */
export async function readStream(
  streams: StreamReader | null,
  streamName: string,
  progress: readonly ProjectedPosition[],
  now: number,
): Promise<Omit<StreamReport, 'isStreamedTo'>> {
  const stored = progress.filter((shard) => shard.streamName === streamName);
  const storedOnly = stored.map((shard) => toReport({ ...shard, waiting: null }));
  if (streams === null) return { streamName, shards: storedOnly, problem: null };
  try {
    const shards: ShardReport[] = [];
    for (const { shardId } of await streams.listShards(streamName)) {
      const shard = stored.find((one) => one.shardId === shardId);
      shards.push(await readShard(streams, streamName, shardId, { shard, now }));
    }
    return { streamName, shards, problem: null };
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    return { streamName, shards: storedOnly, problem: describeStreamFailure(error, streamName) };
  }
}

async function readShard(
  streams: StreamReader,
  streamName: string,
  shardId: string,
  { shard, now }: { shard: ProjectedPosition | undefined; now: number },
): Promise<ShardReport> {
  const { arrivedAt = null, projectedAt = null, sequenceNumber: after = null } = shard ?? {};
  // If the batches of a shard are projected concurrently, the time of the last projection is stored, but no sequence
  // number. Then the backlog cannot be read.
  const isFollowed = shard === undefined || after !== null;
  const backlog = isFollowed
    ? await streams.readBacklog(streamName, shardId, { after, notBefore: null })
    : null;
  if (!backlog?.isConclusive) return { shardId, arrivedAt, projectedAt, waiting: null };
  const { arrivals, hasMore } = backlog;
  const lagMs = arrivals.length > 0 ? Math.max(0, now - Math.min(...arrivals)) : 0;
  return { shardId, arrivedAt, projectedAt, waiting: { events: arrivals.length, hasMore, lagMs } };
}

function toReport({ shardId, arrivedAt, projectedAt, waiting }: ShardReport): ShardReport {
  return { shardId, arrivedAt, projectedAt, waiting };
}
