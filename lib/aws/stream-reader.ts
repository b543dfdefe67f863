import { setTimeout as sleep } from 'node:timers/promises';
import { type Backlog, EvidenceError, type StreamReader } from '../backfill/evidence.ts';
import { toAwsFailure } from './aws-failure.ts';
import type { KinesisClient } from './kinesis-client.ts';
import { createKinesisReader, type KinesisReader, KinesisReaderError } from './kinesis-reader.ts';
import { readCreatedAt, readRetentionMs } from './kinesis-stream.ts';

interface StreamReaderDeps {
  reader: KinesisReader;
  readRetentionMs: (streamName: string) => Promise<number>;
  readCreatedAt: (streamName: string) => Promise<number>;
  /** Between two reads of one shard, of which Kinesis takes five a second from all readers together. */
  pause: () => Promise<void>;
}

/** An answer has up to 10 MB, of the 2 MB a second that a shard gives to all its readers. */
const RECORDS_PER_READ = 100;
/** A long time without records is passed in many answers without any. */
const MAX_READS = 100;

/** Between reads of one shard: those of the stream handler have to come through. */
const PAUSE_MS = 250;

/** A stream of Kinesis as the poller reads it. */
export function createKinesisStreamReader(client: KinesisClient): StreamReader {
  return createStreamReader({
    reader: createKinesisReader(client),
    readRetentionMs: (streamName) => readRetentionMs(client, streamName),
    readCreatedAt: (streamName) => readCreatedAt(client, streamName),
    pause: () => sleep(PAUSE_MS),
  });
}

/** The same over any reader. */
export function createStreamReader(deps: StreamReaderDeps): StreamReader {
  const { reader, readRetentionMs, readCreatedAt, pause } = deps;
  return {
    listShards: (streamName) => ask(() => reader.listShards(streamName)),
    readRetentionMs: (streamName) => ask(() => readRetentionMs(streamName)),
    readCreatedAt: (streamName) => ask(() => readCreatedAt(streamName)),
    readBacklog: (streamName, shardId, { after, notBefore }) =>
      ask(async () => {
        const open = () => openAfter(reader, streamName, shardId, after);
        try {
          return await readOn(await open(), notBefore, { reader, pause });
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
    // Of a stream since deleted and made again: nothing of this one is projected.
    if (!(error instanceof KinesisReaderError) || error.condition !== 'position-invalid') throw error;
    return reader.openIterator(streamName, shardId, oldest);
  }
}

/** Reads until records come that count, or there are none. */
async function readOn(
  opened: string,
  notBefore: number | null,
  { reader, pause }: Pick<StreamReaderDeps, 'reader' | 'pause'>,
): Promise<Backlog> {
  let iterator = opened;
  for (let reads = 1; ; reads += 1) {
    const { records, nextIterator, millisBehindLatest } = await reader.getRecords(iterator, RECORDS_PER_READ);
    const arrivals = records
      .map(({ arrivedAt }) => arrivedAt.getTime())
      .filter((arrivedAt) => notBefore === null || arrivedAt >= notBefore);
    const isEnd = nextIterator === undefined || (records.length === 0 && millisBehindLatest === 0);
    if (isEnd || arrivals.length > 0) {
      const hasMore = !isEnd && (millisBehindLatest > 0 || records.length === RECORDS_PER_READ);
      return { arrivals, hasMore, isConclusive: true };
    }
    if (reads === MAX_READS) return { arrivals: [], hasMore: true, isConclusive: false };
    iterator = nextIterator;
    await pause();
  }
}

async function ask<Answer>(work: () => Promise<Answer>): Promise<Answer> {
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
