import { hash } from 'node:crypto';
import type { DatasetKey } from '../common/dataset-key.ts';

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

/** The first half of SHA-256 over UTF-8, marked as a UUID of version 8 (RFC 9562: contents are the maker's own). */
export function hashedUuid(text: string): string {
  const hex = hash('sha256', text, 'hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
