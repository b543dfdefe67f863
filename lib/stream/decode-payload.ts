import { notAnEvent, readJson } from './members.ts';
import { type EventOperation, readRecord } from './read-record.ts';
import { StreamEventError, type StreamRecord } from './stream-event.ts';

/** A dataset holds 1,024 records; the rest is room for tombstones, of which no limit is published. */
const MAX_RECORDS = 10_000;

/**
 * Reads the object behind an event's `kinesisSyncRecordsURL`: a bare JSON array in UTF-8 of the same record objects
 * that other events hold inline. Source: the transformer of amazon-archives/amazon-cognito-streams-sample.
 *
 * @param operation the event's
 * @throws {StreamEventError} with the reason `offloaded-payload`; the message does not quote the payload
 */
export function decodePayload(bytes: Uint8Array, operation: EventOperation): StreamRecord[] {
  try {
    const records = readJson(bytes, 'the payload');
    if (!Array.isArray(records)) throw notAnEvent('the payload is not a list');
    if (records.length > MAX_RECORDS) throw notAnEvent(`the payload holds more than ${MAX_RECORDS} records`);
    return records.map((record, index) => readRecord(record, `payload[${index}]`, operation));
  } catch (error) {
    // The data on the stream was an event; what is wrong lies behind its URL, whichever way it is wrong.
    throw error instanceof StreamEventError
      ? new StreamEventError('offloaded-payload', error.message)
      : error;
  }
}
