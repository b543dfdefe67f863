import { MAX_KEY_LENGTH } from '../common/bounds.ts';
import { isObject } from '../common/json.ts';
import { count, date, notAnEvent, optional, text } from './members.ts';
import type { StreamRecord } from './stream-event.ts';

// A key is limited to the API model's maximum key length. A value may be as long as the data that contains it.
const RECORD_KEY = { maxLength: MAX_KEY_LENGTH };
const RECORD_VALUE = { minLength: 0, maxLength: Number.MAX_SAFE_INTEGER };

export type EventOperation = 'replace' | 'remove';

/**
 * Validates one record object, which has the same form inline and behind a URL. If the event's operation is `remove`,
 * every record is removed, regardless of its own `op`.
 *
 * @param name the name of the record in errors
 * @throws {StreamEventError} the value is not such an object; the message does not quote it
 */
export function readRecord(record: unknown, name: string, operation: EventOperation): StreamRecord {
  if (!isObject(record)) throw notAnEvent(`${name} is not an object`);
  const op = operation === 'remove' ? 'remove' : readOperation(record.op, `${name}.op`);
  return {
    key: text(record.key, `${name}.key`, RECORD_KEY),
    // The API returns a removed record without a value, so a record without a value counts as removed here as well.
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

/** Validates an operation. @throws {StreamEventError} the value is neither "replace" nor "remove" */
export function readOperation(value: unknown, name: string): EventOperation {
  if (value !== 'replace' && value !== 'remove')
    throw notAnEvent(`${name} is neither "replace" nor "remove"`);
  return value;
}
