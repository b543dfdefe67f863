import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  ResourceInUseException,
  ResourceNotFoundException,
} from '@aws-sdk/client-kinesis';
import { isStreamName } from '../common/stream-name.ts';

/** Creates a stream of one shard, unless there is one of that name. It may take a while to become active. */
export async function ensureStream(client: KinesisClient, streamName: string): Promise<void> {
  try {
    await client.send(new CreateStreamCommand({ StreamName: streamName, ShardCount: 1 }));
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
}

/** Deletes a stream and everything on it. */
export async function deleteStream(client: KinesisClient, streamName: string): Promise<void> {
  await client.send(new DeleteStreamCommand({ StreamName: streamName }));
}

/** Of a stream that takes records. One that is being made takes none yet, and looks to the relay as if it were gone. */
const READY = new Set<string | undefined>(['ACTIVE', 'UPDATING']);

/** Whether there is a stream of that name that takes records. */
export async function streamExists(client: KinesisClient, streamName: string): Promise<boolean> {
  if (!isStreamName(streamName)) return false;
  try {
    const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: streamName }));
    return READY.has(answer.StreamDescriptionSummary?.StreamStatus);
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return false;
    throw error;
  }
}

const HOUR_MS = 60 * 60 * 1000;

/** For how long the stream keeps what is put on it. @throws what the SDK throws, also where there is no such stream */
export async function readRetentionMs(client: KinesisClient, streamName: string): Promise<number> {
  const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: streamName }));
  const hours = answer.StreamDescriptionSummary?.RetentionPeriodHours;
  if (hours === undefined) throw new Error('Kinesis described a stream without its retention');
  return hours * HOUR_MS;
}

/**
 * When the stream was made, epoch milliseconds, to the second: what an earlier one of its name held is gone.
 * @throws what the SDK throws, also where there is no such stream
 */
export async function readCreatedAt(client: KinesisClient, streamName: string): Promise<number> {
  const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: streamName }));
  const createdAt = answer.StreamDescriptionSummary?.StreamCreationTimestamp;
  if (createdAt === undefined) throw new Error('Kinesis described a stream without its creation');
  return createdAt.getTime();
}
