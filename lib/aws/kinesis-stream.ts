import {
  CreateStreamCommand,
  DeleteStreamCommand,
  type KinesisClient,
  ResourceInUseException,
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
