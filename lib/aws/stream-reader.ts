import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Backlog,
  type BacklogQuery,
  EvidenceError,
  type StreamReader,
} from '../backfill/ports/evidence.ts';
import { toAwsFailure } from './aws-failure.ts';
import type { KinesisClient } from './kinesis-client.ts';
import { createKinesisReader, type KinesisReader, KinesisReaderError } from './kinesis-reader.ts';
import { readCreatedAt, readRetentionMs } from './kinesis-stream.ts';

interface StreamReaderDeps {
  reader: KinesisReader;
  readRetentionMs: (streamName: string) => Promise<number>;
  readCreatedAt: (streamName: string) => Promise<number>;
  /** Waits between two reads of one shard. Kinesis allows five reads per second and shard for all readers together. */
  pause: () => Promise<void>;
}

/**
 * Maximum records per read. A shard serves only 2 MB per second to all readers, so a response of the maximum size, 10
 * MB, would slow down the function `project-stream`, which reads the same shard.
 */
const RECORDS_PER_READ = 100;
/**
 * Maximum reads of a shard for one backlog, the records that are not projected yet. Without a limit, reading could take
 * long, because Kinesis returns many empty responses for a long period without records.
 */
const MAX_READS = 100;

/** Pause between reads of one shard, to leave read capacity for the function `project-stream`. */
const PAUSE_MS = 250;

/** Creates a stream reader on Kinesis, for the poller of bulk publishes. */
export function createKinesisStreamReader(client: KinesisClient): StreamReader {
  return createStreamReader({
    reader: createKinesisReader(client),
    readRetentionMs: (streamName) => readRetentionMs(client, streamName),
    readCreatedAt: (streamName) => readCreatedAt(client, streamName),
    pause: () => sleep(PAUSE_MS),
  });
}

/** Creates a stream reader on any `KinesisReader`. */
export function createStreamReader(deps: StreamReaderDeps): StreamReader {
  const { reader, readRetentionMs, readCreatedAt, pause } = deps;
  return {
    listShards: (streamName) => translateErrors(() => reader.listShards(streamName)),
    readRetentionMs: (streamName) => translateErrors(() => readRetentionMs(streamName)),
    readCreatedAt: (streamName) => translateErrors(() => readCreatedAt(streamName)),
    readBacklog: (streamName, shardId, query) =>
      translateErrors(async () => {
        try {
          const iterator = await openAfter(reader, streamName, shardId, query.after);
          return await readBacklogFrom(iterator, query, { reader, pause });
        } catch (error) {
          if (error instanceof KinesisReaderError && error.condition === 'not-found') return null;
          throw error;
        }
      }),
  };
}

async function openAfter(
  reader: KinesisReader,
  streamName: string,
  shardId: string,
  sequenceNumber: string | null,
): Promise<string> {
  const oldest = { type: 'TRIM_HORIZON' } as const;
  if (sequenceNumber === null) return reader.openIterator(streamName, shardId, oldest);
  try {
    const after = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber } as const;
    return await reader.openIterator(streamName, shardId, after);
  } catch (error) {
    // The position belongs to a deleted stream of the same name. Nothing of the current stream is projected yet, so
    // read it from its oldest record.
    if (!(error instanceof KinesisReaderError) || error.condition !== 'position-invalid') throw error;
    return reader.openIterator(streamName, shardId, oldest);
  }
}

/**
 * Reads until a response contains a record that arrived at or after `notBefore`. Also stops at the newest record, at
 * the end of the shard, and after `MAX_READS` reads.
 */
async function readBacklogFrom(
  opened: string,
  { notBefore, maxRecords = RECORDS_PER_READ }: BacklogQuery,
  { reader, pause }: Pick<StreamReaderDeps, 'reader' | 'pause'>,
): Promise<Backlog> {
  let iterator = opened;
  for (let reads = 1; ; reads += 1) {
    const { records, nextIterator, millisBehindLatest } = await reader.getRecords(iterator, maxRecords);
    const arrivals = records
      .map(({ arrivedAt }) => arrivedAt.getTime())
      .filter((arrivedAt) => notBefore === null || arrivedAt >= notBefore);
    const isEnd = nextIterator === undefined || (records.length === 0 && millisBehindLatest === 0);
    if (isEnd || arrivals.length > 0) {
      const hasMore = !isEnd && (millisBehindLatest > 0 || records.length === maxRecords);
      return { arrivals, hasMore, isConclusive: true };
    }
    if (reads === MAX_READS) return { arrivals: [], hasMore: true, isConclusive: false };
    iterator = nextIterator;
    await pause();
  }
}

/** @throws {EvidenceError} for any error that `work` throws */
async function translateErrors<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KinesisReaderError) {
      const condition = error.condition === 'not-found' ? 'not-found' : 'unavailable';
      throw new EvidenceError(condition, error.message);
    }
    const { condition, message } = toAwsFailure(error);
    throw new EvidenceError(condition, message);
  }
}
