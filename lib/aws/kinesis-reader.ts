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
  /**
   * Empty for an original shard of the stream; one id after a split of a shard, two ids after a merge of two shards.
   */
  parentShardIds: string[];
  /** A closed shard accepts no new records; its children do. */
  closed: boolean;
  /** Changes if a stream is deleted and created again under the same name. */
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
  /** In shard order. */
  records: KinesisRecord[];
  /** Undefined if the shard is closed and was read to its end. */
  nextIterator: string | undefined;
  /**
   * Milliseconds by which this response is behind the newest record of the shard; 0 if the response reached that
   * record.
   */
  millisBehindLatest: number;
}

/**
 * The operations for reading a stream. Every method throws `KinesisReaderError` for the three conditions in
 * `KinesisReaderCondition`, which a caller must handle. Other errors (throttling, network, a broken emulator) are
 * thrown unchanged and may be transient.
 */
export interface KinesisReader {
  /** Returns all shards of the stream, from all pages, including closed shards. */
  listShards(streamName: string): Promise<StreamShard[]>;
  openIterator(streamName: string, shardId: string, position: IteratorPosition): Promise<string>;
  /** @param limit 1 to 10,000 records; a page may be empty although more records follow */
  getRecords(iterator: string, limit: number): Promise<RecordPage>;
}

type KinesisReaderCondition =
  /** The stream or the shard does not exist. */
  | 'not-found'
  /**
   * The shard does not have the sequence number of the requested position, for example because the stream was deleted
   * and created again.
   */
  | 'position-invalid'
  /** Iterators expire after five minutes. The caller must open another iterator at the current position. */
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
 * Creates a reader on the polling API (ListShards, GetShardIterator, GetRecords), which AWS and all emulators support.
 * Source: Amazon Kinesis Data Streams API Reference, the pages of these three operations.
 */
export function createKinesisReader(client: KinesisClient): KinesisReader {
  return {
    async listShards(streamName) {
      const shards: StreamShard[] = [];
      let nextToken: string | undefined;
      do {
        // ListShards rejects a request with both a stream name and a token.
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
      if (ShardIterator === undefined) throw new Error('Kinesis did not return a shard iterator');
      return ShardIterator;
    },

    async getRecords(iterator, limit) {
      const command = new GetRecordsCommand({ ShardIterator: iterator, Limit: limit });
      // Kinesis reports an invalid argument if the iterator is from the future (the clock was set back), or if an
      // emulator lost its data. As with an expired iterator, the caller only has to open another iterator.
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
    throw new Error('Kinesis returned a shard without an id or a starting sequence number');
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
    throw new Error('Kinesis returned a record without a sequence number or an arrival time');
  }
  return {
    sequenceNumber: SequenceNumber,
    partitionKey: PartitionKey ?? '',
    data: Data ?? new Uint8Array(),
    arrivedAt: ApproximateArrivalTimestamp,
  };
}
