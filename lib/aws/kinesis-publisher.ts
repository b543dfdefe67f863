import { type KinesisClient, PutRecordsCommand, type PutRecordsResultEntry } from '@aws-sdk/client-kinesis';
import type { EventPublisher, PublishEntry, PublishOutcome } from '../sync/ports/outbox.ts';

// Limits of a PutRecords request; the bytes include partition keys. Source: Amazon Kinesis Data Streams API Reference.
const MAX_REQUEST_RECORDS = 500;
const MAX_REQUEST_BYTES = 5 * 1024 * 1024;

/**
 * Errors in the request itself, which are permanent. All other errors count as retryable, because the stream, its
 * encryption key, the permissions or the network may have caused them.
 */
const WRONG_REQUEST = new Set(['InvalidArgumentException', 'SerializationException', 'ValidationException']);

/** Kinesis returns this error for a missing stream, and also while a stream is being created. */
const NO_STREAM = 'ResourceNotFoundException';

/**
 * Publishes entries with as many sequential PutRecords requests as needed. Does not throw: a failure is returned as the
 * outcome of each affected entry. If one entry is invalid, Kinesis rejects the whole request; the request is then split
 * in halves until that entry is isolated.
 */
export function createKinesisPublisher(client: KinesisClient): EventPublisher {
  return {
    async publish(streamName, entries) {
      const outcomes: PublishOutcome[] = [];
      for (const chunk of chunkEntries(entries)) outcomes.push(...(await put(client, streamName, chunk)));
      return outcomes;
    },
  };
}

async function put(
  client: KinesisClient,
  streamName: string,
  entries: readonly PublishEntry[],
): Promise<PublishOutcome[]> {
  try {
    const answer = await client.send(
      new PutRecordsCommand({
        StreamName: streamName,
        Records: entries.map(({ partitionKey, data }) => ({ PartitionKey: partitionKey, Data: data })),
      }),
    );
    return entries.map((_, index) => toOutcome(answer.Records?.[index]));
  } catch (cause) {
    const error = codeOf(cause);
    if (error === NO_STREAM) return entries.map(() => ({ error, retryable: true, noStream: true }));
    if (!WRONG_REQUEST.has(error)) return entries.map(() => ({ error, retryable: true }));
    if (entries.length === 1) return [{ error, retryable: false }];
    const middle = Math.ceil(entries.length / 2);
    const first = await put(client, streamName, entries.slice(0, middle));
    return [...first, ...(await put(client, streamName, entries.slice(middle)))];
  }
}

/** An entry can fail with ProvisionedThroughputExceededException or InternalFailure. These two errors are transient. */
function toOutcome(result: PutRecordsResultEntry | undefined): PublishOutcome {
  if (result?.ErrorCode) return { error: result.ErrorCode, retryable: true };
  return result?.SequenceNumber ? 'published' : { error: 'NoAnswer', retryable: true };
}

/** Returns the code or name of an error. Omits the message, which may quote sent data. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'UnknownError';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function chunkEntries(entries: readonly PublishEntry[]): PublishEntry[][] {
  const chunks: PublishEntry[][] = [];
  let chunk: PublishEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = entry.data.byteLength + Buffer.byteLength(entry.partitionKey);
    if (chunk.length === 0 || chunk.length === MAX_REQUEST_RECORDS || bytes + size > MAX_REQUEST_BYTES) {
      chunk = [];
      chunks.push(chunk);
      bytes = 0;
    }
    chunk.push(entry);
    bytes += size;
  }
  return chunks;
}
