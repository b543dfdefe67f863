import type { StreamReader } from '../ports/evidence.ts';
import type { PublishStore } from '../ports/publish-store.ts';
import type { QuietShard } from '../publish-model.ts';

/**
 * A shard is checked once its last projected record arrived this long ago. The shortest retention period is a day, so
 * the check comes before any record can expire.
 */
const QUIET_MS = 60 * 60 * 1000;

/**
 * Determines since when records may have expired from the stream before they were projected. Records may have expired
 * if the last projected record of a shard is older than the retention period and more records are waiting. A shard
 * without new records is checked once an hour. A check that finds no waiting record proves that no record was lost
 * before the check.
 *
 * @param now epoch milliseconds
 * @returns the time since which records may be missing, in epoch milliseconds; null if none can be missing
 * @throws {EvidenceError} the stream could not be read
 */
export async function findExpired(
  { store, streams }: { store: PublishStore; streams: StreamReader },
  streamName: string,
  now: number,
): Promise<number | null> {
  const quiet = await store.readQuietShards(streamName, now - QUIET_MS);
  if (quiet.length === 0) return null;
  const listed = new Set((await streams.listShards(streamName)).map(({ shardId }) => shardId));
  const waiting: QuietShard[] = [];
  for (const shard of quiet) {
    const { shardId, sequenceNumber: after } = shard;
    const backlog = listed.has(shardId)
      ? await streams.readBacklog(streamName, shardId, { after, notBefore: null })
      : null;
    if (backlog === null || (backlog.isConclusive && backlog.arrivals.length === 0)) {
      await store.keepEmpty(streamName, shardId, now);
    } else if (backlog.arrivals.length > 0) waiting.push(shard);
  }
  if (waiting.length === 0) return null;
  const keptSince = now - (await streams.readRetentionMs(streamName));
  const expired = waiting.map(knownSince).filter((since) => since < keptSince);
  return expired.length > 0 ? Math.min(...expired) : null;
}

function knownSince({ arrivedAt, emptyAt }: QuietShard): number {
  return Math.max(arrivedAt, emptyAt ?? 0);
}
