import {
  type IteratorPosition,
  type KinesisReader,
  KinesisReaderError,
  type KinesisRecord,
  type RecordPage,
} from '../../../lib/aws/kinesis-reader.ts';

export interface ShardCursor {
  /**
   * The next records of the shard, each once. After a failure the same records come again.
   * @throws {KinesisReaderError} `not-found`
   * @throws any other error of the reader, which may be transient
   */
  read(limit: number): Promise<{ records: KinesisRecord[]; ended: boolean }>;
}

interface ShardCursorDeps {
  reader: KinesisReader;
  streamName: string;
  shardId: string;
  /** Sequence number of the last record not to be read; undefined begins with the oldest. */
  after: string | undefined;
  /** The sequence number is not of this stream; reading goes on from the oldest record. */
  onPositionLost: (sequenceNumber: string) => void;
  now: () => number;
}

/**
 * Emulators move an iterator that found nothing ahead by the clock, and can so step over a record that was
 * being written in that instant. An idle iterator is opened again at the last record read.
 */
const IDLE_ITERATOR_MS = 60_000;

/** Reads one shard in order: keeps the position, opens iterators, and opens another when one has expired. */
export function createShardCursor(deps: ShardCursorDeps): ShardCursor {
  const { reader, streamName, shardId, now } = deps;
  let position: IteratorPosition = positionAfter(deps.after);
  let iterator: string | undefined;
  let idleSince = 0;

  async function open(): Promise<string> {
    idleSince = now();
    try {
      return await reader.openIterator(streamName, shardId, position);
    } catch (error) {
      if (!isCondition(error, 'position-invalid') || !('sequenceNumber' in position)) throw error;
      deps.onPositionLost(position.sequenceNumber);
      position = positionAfter(undefined);
      return reader.openIterator(streamName, shardId, position);
    }
  }

  async function fetchPage(limit: number): Promise<RecordPage> {
    const current = iterator ?? (await open());
    // Should the read fail, the next one opens an iterator at the position: correct after any failure.
    iterator = undefined;
    try {
      return await reader.getRecords(current, limit);
    } catch (error) {
      if (!isCondition(error, 'iterator-expired')) throw error;
      return reader.getRecords(await open(), limit);
    }
  }

  return {
    async read(limit) {
      const { records, nextIterator } = await fetchPage(limit);
      const last = records.at(-1);
      if (last) {
        position = positionAfter(last.sequenceNumber);
        idleSince = now();
      }
      if (now() - idleSince < IDLE_ITERATOR_MS) iterator = nextIterator;
      return { records, ended: nextIterator === undefined };
    },
  };
}

function positionAfter(sequenceNumber: string | undefined): IteratorPosition {
  if (sequenceNumber === undefined) return { type: 'TRIM_HORIZON' };
  return { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber };
}

export function isCondition(error: unknown, condition: KinesisReaderError['condition']): boolean {
  return error instanceof KinesisReaderError && error.condition === condition;
}
