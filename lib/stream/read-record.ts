import { MAX_KEY_LENGTH } from '../common/bounds.ts';
import { isObject } from '../common/json.ts';
import { count, date, notAnEvent, optional, text } from './members.ts';
import type { StreamRecord } from './stream-event.ts';

// The API model's length of a key; a value may be as long as the data it came in.
const RECORD_KEY = { maxLength: MAX_KEY_LENGTH };
const RECORD_VALUE = { minLength: 0, maxLength: Number.MAX_SAFE_INTEGER };

export type EventOperation = 'replace' | 'remove';

/**
 * Reads one record object, which is the same inline and behind a URL. A record of an event that removes is removed,
 * whatever its own `op` says.
 *
 * @param name what the error calls it
 * @throws {StreamEventError} it is no such object; the message does not quote it
 */
export function readRecord(record: unknown, name: string, operation: EventOperation): StreamRecord {
  if (!isObject(record)) throw notAnEvent(`${name} is not an object`);
  const op = operation === 'remove' ? 'remove' : readOperation(record.op, `${name}.op`);
  return {
    key: text(record.key, `${name}.key`, RECORD_KEY),
    // The API shows a removed record as one without a value, so a record without one is a removal here, too.
    value:
      op === 'remove'
        ? null
        : optional(record.value, `${name}.value`, (value) => text(value, `${name}.value`, RECORD_VALUE)),
    version: {
      lastModifiedDate: date(record.lastModifiedDate, `${name}.lastModifiedDate`),
      syncCount: count(record.syncCount, `${name}.syncCount`),
    },
    deviceLastModifiedDate: optional(record.deviceLastModifiedDate, `${name}.deviceLastModifiedDate`, date),
  };
}

/** @throws {StreamEventError} unless it is one of the two */
export function readOperation(value: unknown, name: string): EventOperation {
  if (value !== 'replace' && value !== 'remove')
    throw notAnEvent(`${name} is neither "replace" nor "remove"`);
  return value;
}
