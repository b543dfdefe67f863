import { hash } from 'node:crypto';
import type { StreamPosition } from '../projection/delivery.ts';
import type { DatasetKey } from '../stream/stream-event.ts';

/** Key of a dataset's row: the same on every replay, no look-up, no sequence. */
export function datasetId({ identityPoolId, identityId, datasetName }: DatasetKey): string {
  return hashedUuid(`${identityPoolId}\0${identityId}\0${datasetName}`);
}

/** Key of an identity's row. No dataset's: a dataset has a name. */
export function identityRowId({
  identityPoolId,
  identityId,
}: Pick<DatasetKey, 'identityPoolId' | 'identityId'>): string {
  return hashedUuid(`${identityPoolId}\0${identityId}`);
}

/** Key of a record's row within its dataset. */
export function recordId(key: string): string {
  return hashedUuid(key);
}

/** Key of what is kept about one delivery: a batch that is tried again does not keep it twice. */
export function streamPositionId({ streamName, shardId, sequenceNumber }: StreamPosition): string {
  return hashedUuid(`${streamName}\0${shardId}\0${sequenceNumber}`);
}

/** The first half of SHA-256 over UTF-8, marked as a UUID of version 8 (RFC 9562: contents are the maker's own). */
function hashedUuid(text: string): string {
  const hex = hash('sha256', text, 'hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
