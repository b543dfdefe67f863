import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  ResourceInUseException,
  ResourceNotFoundException,
} from '@aws-sdk/client-kinesis';

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

/** What a stream can be called. Source: Amazon Kinesis Data Streams API Reference, CreateStream. */
const STREAM_NAME = /^[a-zA-Z0-9_.-]{1,128}$/;

/** Whether there is a stream of that name; one that is being deleted is none any more. */
export async function streamExists(client: KinesisClient, streamName: string): Promise<boolean> {
  if (!STREAM_NAME.test(streamName)) return false;
  try {
    const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: streamName }));
    return answer.StreamDescriptionSummary?.StreamStatus !== 'DELETING';
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return false;
    throw error;
  }
}
