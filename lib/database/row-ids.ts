import { hash } from 'node:crypto';
import type { DatasetKey } from '../common/dataset-key.ts';

/** Derives the id of a dataset's row. The id is the same on every replay and needs no lookup and no sequence. */
export function datasetId({ identityPoolId, identityId, datasetName }: DatasetKey): string {
  return hashedUuid(`${identityPoolId}\0${identityId}\0${datasetName}`);
}

/** Derives the id of an identity's row. This id never equals the id of a dataset, which is also derived from a name. */
export function identityRowId({
  identityPoolId,
  identityId,
}: Pick<DatasetKey, 'identityPoolId' | 'identityId'>): string {
  return hashedUuid(`${identityPoolId}\0${identityId}`);
}

/**
 * Hashes the id of an identity, without its pool. The row that marks a deleted identity contains this hash. The row can
 * therefore be found by the identity's id, but does not reveal the id.
 */
export function identityIdHash(identityId: string): string {
  return hashedUuid(identityId);
}

/**
 * Cache of record ids by key. An app uses the same few short keys for all its users. Without the cache, the same keys
 * would be hashed again and again.
 */
const recordIds = new Map<string, string>();
const MAX_CACHED = 10_000;
const MAX_CACHED_LENGTH = 64;

/** Derives the id of a record's row within its dataset. */
export function recordId(key: string): string {
  const cached = recordIds.get(key);
  if (cached !== undefined) return cached;
  const id = hashedUuid(key);
  if (key.length <= MAX_CACHED_LENGTH) {
    if (recordIds.size >= MAX_CACHED) recordIds.clear();
    recordIds.set(key, id);
  }
  return id;
}

/** Returns the first half of SHA-256 over the UTF-8 text as a UUID of version 8 (RFC 9562: custom contents). */
export function hashedUuid(text: string): string {
  const hex = hash('sha256', text, 'hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
