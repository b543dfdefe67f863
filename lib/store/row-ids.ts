import { hash } from 'node:crypto';
import type { Login } from '../identity/identity-store-port.ts';
import type { StreamPosition } from '../projection/delivery.ts';
import type { DatasetKey } from '../stream/stream-event.ts';
import type { Registration } from '../sync/push-port.ts';

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

/** Key of a device's row: the token itself is not kept. It may have any characters but NUL. */
export function registrationId({ identityPoolId, identityId, platform, token }: Registration): string {
  return hashedUuid(`${identityPoolId}\0${identityId}\0${platform}\0${token}`);
}

/** Key of a login's row: who somebody is to a provider, within a pool. No provider's name holds NUL. */
export function loginId(identityPoolId: string, { provider, userId }: Login): string {
  return hashedUuid(`${identityPoolId}\0${provider}\0${userId}`);
}

/** An app uses few keys, and short ones, for all its people: hashing them again is most of the hashing there is. */
const knownRecordIds = new Map<string, string>();
const MAX_KNOWN = 10_000;
const MAX_KNOWN_LENGTH = 64;

/** Key of a record's row within its dataset. */
export function recordId(key: string): string {
  const known = knownRecordIds.get(key);
  if (known !== undefined) return known;
  const id = hashedUuid(key);
  if (key.length <= MAX_KNOWN_LENGTH) {
    if (knownRecordIds.size >= MAX_KNOWN) knownRecordIds.clear();
    knownRecordIds.set(key, id);
  }
  return id;
}

/** Key of what is kept about one delivery: a batch that is tried again does not keep it twice. */
export function streamPositionId({ streamName, shardId, sequenceNumber }: StreamPosition): string {
  return hashedUuid(`${streamName}\0${shardId}\0${sequenceNumber}`);
}

/** Key of what is kept about an object of a failure destination. */
export function failureObjectId(name: string): string {
  return hashedUuid(name);
}

/** The first half of SHA-256 over UTF-8, marked as a UUID of version 8 (RFC 9562: contents are the maker's own). */
function hashedUuid(text: string): string {
  const hex = hash('sha256', text, 'hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
