import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  ListStreamsCommand,
  ResourceInUseException,
  ResourceNotFoundException,
} from '@aws-sdk/client-kinesis';
import { isStreamName } from '../common/stream-name.ts';

/**
 * Creates a stream with one shard if no stream of that name exists. A new stream may take some time to become active.
 *
 * @returns whether it created the stream
 */
export async function ensureStream(client: KinesisClient, streamName: string): Promise<boolean> {
  try {
    await client.send(new CreateStreamCommand({ StreamName: streamName, ShardCount: 1 }));
    return true;
  } catch (error) {
    if (error instanceof ResourceInUseException) return false;
    throw error;
  }
}

/** Deletes all streams with all their records. Resolves when no stream is left. */
export async function deleteStreams(client: KinesisClient): Promise<void> {
  for (;;) {
    // Kinesis lists a stream until its deletion is complete, and at most 10 streams at a time.
    const { StreamNames = [] } = await client.send(new ListStreamsCommand({}));
    if (StreamNames.length === 0) return;
    await Promise.all(StreamNames.map((streamName) => deleteStream(client, streamName)));
  }
}

/** Deletes a stream with all its records. Does nothing if the stream does not exist. */
async function deleteStream(client: KinesisClient, streamName: string): Promise<void> {
  try {
    await client.send(new DeleteStreamCommand({ StreamName: streamName }));
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) throw error;
  }
}

/**
 * Statuses of a stream that accepts records. CREATING is not among them: while a stream is being created, the relay,
 * which publishes to it, gets the same error as for a missing stream.
 */
const READY = new Set<string | undefined>(['ACTIVE', 'UPDATING']);

/** Whether a stream of that name exists and accepts records. */
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

/** Returns the retention period of the stream. @throws the SDK's error, also if the stream does not exist */
export async function readRetentionMs(client: KinesisClient, streamName: string): Promise<number> {
  const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: streamName }));
  const hours = answer.StreamDescriptionSummary?.RetentionPeriodHours;
  if (hours === undefined) throw new Error('Kinesis did not return the retention period of the stream');
  return hours * HOUR_MS;
}

/**
 * Returns when the stream was created, in epoch milliseconds with a precision of one second. If an earlier stream had
 * the same name, its records are gone.
 *
 * @throws the SDK's error, also if the stream does not exist
 */
export async function readCreatedAt(client: KinesisClient, streamName: string): Promise<number> {
  const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: streamName }));
  const createdAt = answer.StreamDescriptionSummary?.StreamCreationTimestamp;
  if (createdAt === undefined) throw new Error('Kinesis did not return the creation time of the stream');
  return createdAt.getTime();
}
