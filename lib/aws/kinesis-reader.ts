import {
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  InvalidArgumentException,
  type KinesisClient,
  ListShardsCommand,
  ResourceNotFoundException,
  type Shard,
  type _Record as WireRecord,
} from '@aws-sdk/client-kinesis';

export interface StreamShard {
  shardId: string;
  /** None for a shard the stream began with, one after a split, two after a merge. */
  parentShardIds: string[];
  /** A closed shard takes no new records; its children do. */
  closed: boolean;
  /** Differs when a stream was deleted and made again under the same name. */
  startingSequenceNumber: string;
}

export interface KinesisRecord {
  sequenceNumber: string;
  partitionKey: string;
  data: Uint8Array;
  arrivedAt: Date;
}

export type IteratorPosition =
  | { type: 'TRIM_HORIZON' }
  | { type: 'LATEST' }
  | { type: 'AFTER_SEQUENCE_NUMBER' | 'AT_SEQUENCE_NUMBER'; sequenceNumber: string };

export interface RecordPage {
  /** In the order of the shard. */
  records: KinesisRecord[];
  /** Absent when the shard is closed and read to its end. */
  nextIterator: string | undefined;
  /** How far this answer is behind the newest record; 0 at the tip. */
  millisBehindLatest: number;
}

/**
 * What it takes to read a stream. Every method throws `KinesisReaderError` for the three conditions a caller
 * acts upon; anything else (throttling, network, a broken emulator) is thrown as it came and may pass.
 */
export interface KinesisReader {
  /** All shards of the stream, of all pages, closed ones included. */
  listShards(streamName: string): Promise<StreamShard[]>;
  openIterator(streamName: string, shardId: string, position: IteratorPosition): Promise<string>;
  /** @param limit 1 to 10,000 records; an answer may be empty although more records follow */
  getRecords(iterator: string, limit: number): Promise<RecordPage>;
}

type KinesisReaderCondition =
  /** The stream or the shard does not exist. */
  | 'not-found'
  /** The sequence number is none of this shard's, for instance from a stream since deleted and made again. */
  | 'position-invalid'
  /** Iterators live five minutes: open another at the position reached. */
  | 'iterator-expired';

export class KinesisReaderError extends Error {
  override name = 'KinesisReaderError';
  readonly condition: KinesisReaderCondition;

  constructor(condition: KinesisReaderCondition, cause: Error) {
    super(cause.message, { cause });
    this.condition = condition;
  }
}

/**
 * Reads over the polling API (ListShards, GetShardIterator, GetRecords), which AWS and all emulators have.
 * Source: Amazon Kinesis Data Streams API Reference, those three operations.
 */
export function createKinesisReader(client: KinesisClient): KinesisReader {
  return {
    async listShards(streamName) {
      const shards: StreamShard[] = [];
      let nextToken: string | undefined;
      do {
        // ListShards refuses a stream name beside a token.
        const page = { ...(nextToken === undefined ? { StreamName: streamName } : { NextToken: nextToken }) };
        const answer = await translate(client.send(new ListShardsCommand(page)), 'position-invalid');
        shards.push(...(answer.Shards ?? []).map(toStreamShard));
        nextToken = answer.NextToken;
      } while (nextToken !== undefined);
      return shards;
    },

    async openIterator(streamName, shardId, position) {
      const command = new GetShardIteratorCommand({
        StreamName: streamName,
        ShardId: shardId,
        ShardIteratorType: position.type,
        ...('sequenceNumber' in position && { StartingSequenceNumber: position.sequenceNumber }),
      });
      const { ShardIterator } = await translate(client.send(command), 'position-invalid');
      if (ShardIterator === undefined) throw new Error('Kinesis answered without a shard iterator');
      return ShardIterator;
    },

    async getRecords(iterator, limit) {
      const command = new GetRecordsCommand({ ShardIterator: iterator, Limit: limit });
      // An iterator from the future (the clock was set back) or from a wiped emulator counts as invalid
      // argument; like an expired one it only has to be opened anew.
      const answer = await translate(client.send(command), 'iterator-expired');
      const { Records = [], NextShardIterator, MillisBehindLatest = 0 } = answer;
      return {
        records: Records.map(toStreamRecord),
        nextIterator: NextShardIterator,
        millisBehindLatest: MillisBehindLatest,
      };
    },
  };
}

async function translate<Answer>(answer: Promise<Answer>, invalid: KinesisReaderCondition): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) throw new KinesisReaderError('not-found', error);
    if (error instanceof ExpiredIteratorException) throw new KinesisReaderError('iterator-expired', error);
    if (error instanceof InvalidArgumentException) throw new KinesisReaderError(invalid, error);
    throw error;
  }
}

function toStreamShard(shard: Shard): StreamShard {
  const { ShardId: shardId, SequenceNumberRange: range } = shard;
  if (shardId === undefined || range?.StartingSequenceNumber === undefined) {
    throw new Error('Kinesis listed a shard without id or starting sequence number');
  }
  const parents = [shard.ParentShardId, shard.AdjacentParentShardId];
  return {
    shardId,
    parentShardIds: parents.filter((parent) => parent !== undefined),
    closed: range.EndingSequenceNumber !== undefined,
    startingSequenceNumber: range.StartingSequenceNumber,
  };
}

function toStreamRecord(record: WireRecord): KinesisRecord {
  const { SequenceNumber, PartitionKey, Data, ApproximateArrivalTimestamp } = record;
  if (SequenceNumber === undefined || ApproximateArrivalTimestamp === undefined) {
    throw new Error('Kinesis answered a record without sequence number or arrival time');
  }
  return {
    sequenceNumber: SequenceNumber,
    partitionKey: PartitionKey ?? '',
    data: Data ?? new Uint8Array(),
    arrivedAt: ApproximateArrivalTimestamp,
  };
}
