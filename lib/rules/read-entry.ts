import { isObject } from '../common/json.ts';

/** A record of an event: its old and new value. Null means no value. */
export interface Entry {
  oldValue: string | null;
  newValue: string | null;
}

/**
 * Reads a record of an event. Both `op: remove` and a new value of null remove the record. Source: Amazon Cognito
 * developer guide, "Amazon Cognito Events".
 *
 * @returns null if no rule can judge the entry: the entry does not have the documented form, or the entry itself is
 *   null. Amazon has been observed to send a null entry for a key with a tombstone (the row of a removed record)
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
