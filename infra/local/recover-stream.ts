import type { KinesisClient } from '../../lib/aws/kinesis-client.ts';
import { createKinesisReader, type KinesisReader, KinesisReaderError } from '../../lib/aws/kinesis-reader.ts';
import { ensureStream, readCreatedAt, readRetentionMs } from '../../lib/aws/kinesis-stream.ts';
import type { PublishStore } from '../../lib/backfill/ports/publish-store.ts';
import type { ShardPosition } from '../../lib/backfill/publish-model.ts';
import { createPublishStore } from '../../lib/backfill/store/publish-store.ts';
import type { Database } from '../../lib/database/database.ts';
import { missingStream } from '../../lib/sync/jobs/relay-batch.ts';
import { beginAfter } from '../../lib/sync/operations/bulk-publish.ts';
import { createBulkPublishJobStore } from '../../lib/sync/store/bulk-publish-job-store.ts';
import { createStreamingSwitch } from '../../lib/sync/store/streaming-switch.ts';
import type { CheckpointFile } from './event-source-mapping/checkpoint-file.ts';

interface RecoverDeps {
  client: KinesisClient;
  database: Database;
  checkpoints: CheckpointFile;
  streamName: string;
  /** Epoch milliseconds. */
  now: () => number;
  /** Receives one line if something was repaired. */
  report: (message: string) => void;
}

/**
 * Creates the stream if it does not exist. Compares the stream with the positions up to which it was read, and repairs
 * the effects of a disk fault or of an interrupted start. Must run before the stream has producers and consumers.
 *
 * - If the relay disabled the streaming of pools because the stream was missing, their streaming is enabled again.
 * - If the checkpoint of a shard is ahead of the query store, the shard is read from the query store's position.
 * - If the stream lost its last records, new records get the sequence numbers of the lost records, so the checkpoint
 *   would skip the new records. The shard is therefore read from its start. For each pool on the stream, a gap (a time
 *   in which events may have been lost) is recorded.
 *
 * If streaming was enabled again or records were lost, a bulk publish of each pool on the stream starts. If this
 * function is interrupted, the next start repeats it.
 */
export async function recoverStream(deps: RecoverDeps): Promise<void> {
  const { client, database, checkpoints, streamName, now, report } = deps;
  const isNew = await ensureStream(client, streamName);
  const pools = createStreamingSwitch(database);
  const store = createPublishStore(database);
  const positions = new Map((await store.readPositions(streamName)).map((one) => [one.shardId, one]));
  const lost: { shardId: string; since: number }[] = [];
  for (const shardId of new Set([...positions.keys(), ...checkpoints.shardIds()])) {
    const position = positions.get(shardId);
    await followQueryStore(checkpoints, shardId, position);
    const since = position?.arrivedAt ?? checkpoints.startedAt;
    if (isNew || (await hasLostRecords(deps, shardId, position))) lost.push({ shardId, since });
  }
  const enabled = await pools.enable(streamName, missingStream(streamName));
  if (lost.length === 0 && enabled === 0) {
    // A restore begins bulk publishes before the stream exists. If a bulk publish ended before the first poll, the
    // poller would otherwise assume that it used an earlier stream, and could not tell whether it is complete.
    if (isNew && (await store.readSeenCreation(streamName)) === null) await keepCreation(deps, store);
    return;
  }

  const affected = await pools.list(streamName);
  const jobs = createBulkPublishJobStore(database);
  const since = Math.min(now(), ...lost.map((shard) => shard.since));
  for (const identityPoolId of affected) {
    if (lost.length > 0) await store.openGap({ identityPoolId, since, cause: 'expired', until: now() });
    await beginAfter(jobs, identityPoolId, await jobs.read(identityPoolId), now());
  }
  // The poller records a gap when it finds that the stream's creation time has changed. Here, the gap is already
  // recorded, so the new time is stored as the time that the poller has seen.
  if (isNew) await keepCreation(deps, store);
  for (const { shardId } of lost) {
    await store.forgetPosition(streamName, shardId);
    await checkpoints.forget(shardId);
  }
  report(
    describe(streamName, { lostSince: lost.length > 0 ? since : null, enabled, pools: affected.length }),
  );
}

async function keepCreation({ client, streamName }: RecoverDeps, store: PublishStore): Promise<void> {
  await store.keepSeenCreation(streamName, await readCreatedAt(client, streamName));
}

function describe(
  streamName: string,
  { lostSince, enabled, pools }: { lostSince: number | null; enabled: number; pools: number },
): string {
  const what =
    lostSince === null
      ? `stream ${streamName} was missing; enabled streaming again for ${enabled} identity pools`
      : `stream ${streamName} has lost records since ${new Date(lostSince).toISOString()}`;
  return `${what}; started a bulk publish of ${pools} identity pools; removals may be missing until you run \`reconcile\``;
}

/**
 * Moves the checkpoint back if it is ahead of the query store's position. After a power failure, the checkpoint file
 * can be newer than the rows of the query store.
 */
async function followQueryStore(
  checkpoints: CheckpointFile,
  shardId: string,
  position: ShardPosition | undefined,
): Promise<void> {
  const checkpoint = checkpoints.get(shardId);
  if (checkpoint === undefined) return;
  if (position === undefined) return checkpoints.forget(shardId);
  const { sequenceNumber } = position;
  if (sequenceNumber !== null && isAfter(checkpoint, sequenceNumber)) {
    await checkpoints.save(shardId, sequenceNumber);
  }
}

/**
 * Returns whether the shard has lost the last record that was read from it. The record is lost if it is missing
 * although it cannot have expired: it is younger than the retention period, or an older record still exists.
 */
async function hasLostRecords(
  { client, streamName, now }: RecoverDeps,
  shardId: string,
  position: ShardPosition | undefined,
): Promise<boolean> {
  if (position === undefined || position.sequenceNumber === null) return false;
  const { sequenceNumber, arrivedAt } = position;
  const reader = createKinesisReader(client);
  const at = { type: 'AT_SEQUENCE_NUMBER', sequenceNumber } as const;
  if ((await firstRecord(reader, streamName, shardId, at)) === sequenceNumber) return false;
  const oldest = await firstRecord(reader, streamName, shardId, { type: 'TRIM_HORIZON' });
  if (oldest !== null && isAfter(sequenceNumber, oldest)) return true;
  return arrivedAt !== null && now() - arrivedAt < (await readRetentionMs(client, streamName));
}

/**
 * Returns the sequence number of the first record at or after a position. Returns null if the shard does not exist, the
 * position is invalid, or no record follows.
 */
async function firstRecord(
  reader: KinesisReader,
  streamName: string,
  shardId: string,
  position: Parameters<KinesisReader['openIterator']>[2],
): Promise<string | null> {
  try {
    const { records } = await reader.getRecords(await reader.openIterator(streamName, shardId, position), 1);
    return records[0]?.sequenceNumber ?? null;
  } catch (error) {
    if (error instanceof KinesisReaderError) return null;
    throw error;
  }
}

function isAfter(sequenceNumber: string, other: string): boolean {
  return BigInt(sequenceNumber) > BigInt(other);
}
