import { createDecipheriv } from 'node:crypto';

/** The place to which a shard iterator points. */
export interface ShardPlace {
  streamName: string;
  shardId: string;
  /** The first record that is read has this sequence number or a later one. */
  sequenceNumber: string;
}

/** The parts of kinesalite that determine the form of its iterators. */
export interface IteratorForm {
  ITERATOR_PWD_KEY: Uint8Array;
  ITERATOR_PWD_IV: Uint8Array;
  createShardIterator(streamName: string, shardId: string, sequenceNumber: string): string;
}

/** Bytes in front of the encrypted text of an iterator. */
const PREFIX_BYTES = 8;

/** Reads an iterator that kinesalite created. @returns null if it is invalid; kinesalite then rejects the request */
export function readIterator(
  { ITERATOR_PWD_KEY, ITERATOR_PWD_IV }: IteratorForm,
  iterator: string,
): ShardPlace | null {
  try {
    const decipher = createDecipheriv('aes-256-cbc', ITERATOR_PWD_KEY, ITERATOR_PWD_IV);
    const encrypted = Buffer.from(iterator, 'base64').subarray(PREFIX_BYTES);
    const text = Buffer.concat([decipher.update(encrypted), decipher.final()]).toString();
    const [, streamName, shardId, sequenceNumber] = text.split('/');
    return streamName && shardId && sequenceNumber ? { streamName, shardId, sequenceNumber } : null;
  } catch {
    return null;
  }
}

/** Returns an iterator at the same position, valid for five minutes from now. */
export function renewIterator(
  { createShardIterator }: IteratorForm,
  { streamName, shardId, sequenceNumber }: ShardPlace,
): string {
  return createShardIterator(streamName, shardId, sequenceNumber);
}
