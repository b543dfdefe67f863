import {
  type IteratorPosition,
  type KinesisReader,
  KinesisReaderError,
  type KinesisRecord,
  type RecordPage,
} from '../../../lib/aws/kinesis-reader.ts';

interface ShardPage {
  records: KinesisRecord[];
  /** Whether the shard is closed and was read to its end. */
  ended: boolean;
  /** Whether the page reached the newest record of the shard. */
  isLatest: boolean;
}

export interface ShardCursor {
  /**
   * Returns the next records of the shard. If a read fails, the next read starts at the same record.
   * @throws {KinesisReaderError} `not-found`
   * @throws any other error of the reader, which may be transient
   */
  read(limit: number): Promise<ShardPage>;
}

interface ShardCursorDeps {
  reader: KinesisReader;
  streamName: string;
  shardId: string;
  /** Sequence number of the last record to skip; undefined to start with the oldest. */
  after: string | undefined;
  /** Called if the sequence number does not belong to this stream; reading continues from the oldest record. */
  onPositionLost: (sequenceNumber: string) => void;
  now: () => number;
}

/**
 * Maximum time for which an iterator is used without finding records. Emulators move such an iterator forward with the
 * clock, so it can skip a record that is being written at that moment. After this time, a new iterator is therefore
 * opened at the last record that was read.
 */
const IDLE_ITERATOR_MS = 60_000;

/** Reads one shard in order and remembers the position. Opens a new iterator when the current iterator has expired. */
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
    // The iterator is dropped before it is used. If this read fails, the next read therefore opens a new iterator at
    // the position, which is correct after any error.
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
      const { records, nextIterator, millisBehindLatest } = await fetchPage(limit);
      const last = records.at(-1);
      if (last) {
        position = positionAfter(last.sequenceNumber);
        idleSince = now();
      }
      if (now() - idleSince < IDLE_ITERATOR_MS) iterator = nextIterator;
      return { records, ended: nextIterator === undefined, isLatest: millisBehindLatest === 0 };
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
