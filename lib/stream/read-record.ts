import { MAX_KEY_LENGTH } from '../common/bounds.ts';
import { isObject } from '../common/json.ts';
import { count, date, dateOrNull, notAnEvent, optional, text } from './read-members.ts';
import type { StreamRecord } from './stream-event.ts';

// A key is limited to the API model's maximum key length. A value may be as long as the data that contains it.
const RECORD_KEY = { maxLength: MAX_KEY_LENGTH };
const RECORD_VALUE = { minLength: 0, maxLength: Number.MAX_SAFE_INTEGER };

export type EventOperation = 'replace' | 'remove';

/**
 * Reads one record object, which has the same form inline and behind a URL. If the event's operation is `remove`, every
 * record is removed, regardless of the record's own `op`.
 *
 * A record is rejected only if its key or version is invalid, or if its value is not a text. If `op` is not `remove`,
 * only the value decides: a record without a value is removed. The device's date determines no order, so an invalid
 * date is read as null.
 *
 * @param name the name of the record in errors
 * @throws {StreamEventError} the record is invalid; the message does not quote the record
 */
export function readRecord(record: unknown, name: string, operation: EventOperation): StreamRecord {
  if (!isObject(record)) throw notAnEvent(`${name} is not an object`);
  const isRemoved = operation === 'remove' || record.op === 'remove';
  return {
    key: text(record.key, `${name}.key`, RECORD_KEY),
    // The API returns a removed record without a value, so a record without a value counts as removed here as well. A
    // value that is not a text is rejected: if it were read as null, the record would be removed.
    value: isRemoved
      ? null
      : optional(record.value, `${name}.value`, (value) => text(value, `${name}.value`, RECORD_VALUE)),
    version: {
      lastModifiedDate: date(record.lastModifiedDate, `${name}.lastModifiedDate`),
      syncCount: count(record.syncCount, `${name}.syncCount`),
    },
    deviceLastModifiedDate: dateOrNull(record.deviceLastModifiedDate),
  };
}
