import { isObject } from '../common/json.ts';

/** A record of an event: the values it has and is to have; null is none. */
export interface Entry {
  oldValue: string | null;
  newValue: string | null;
}

/**
 * What an event says of a record. Source: Amazon Cognito developer guide, "Amazon Cognito Events": by `remove`, and by a
 * new value of null, the record goes.
 *
 * @returns null for null, which Amazon was seen to send for a key with a tombstone, and for what has not the shape of
 *   the contract: no rule can judge it
 */
export function readEntry(entry: unknown): Entry | null {
  if (!isObject(entry)) return null;
  const { op } = entry;
  const oldValue = entry.oldValue ?? null;
  const newValue = op === 'remove' ? null : (entry.newValue ?? null);
  if ((op !== 'replace' && op !== 'remove') || !isTextOrNull(oldValue) || !isTextOrNull(newValue))
    return null;
  return { oldValue, newValue };
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}
