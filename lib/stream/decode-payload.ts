import { notAnEvent, readJson } from './read-members.ts';
import { type EventOperation, readRecord } from './read-record.ts';
import { StreamEventError, type StreamRecord } from './stream-event.ts';

/**
 * Maximum number of records in a payload. This service limits a dataset to 16,384 rows by default, including the rows
 * of removed records (tombstones). Amazon publishes no limit for tombstones.
 */
const MAX_PAYLOAD_RECORDS = 65_536;

/**
 * Decodes the object behind an event's `kinesisSyncRecordsURL`: a JSON array, in UTF-8, of the same record objects that
 * other events contain inline. Source: the transformer of amazon-archives/amazon-cognito-streams-sample.
 *
 * @param operation the operation of the event
 * @throws {StreamEventError} with reason `offloaded-payload`; the message does not quote the payload
 */
export function decodePayload(bytes: Uint8Array, operation: EventOperation): StreamRecord[] {
  try {
    const records = readJson(bytes, 'the payload');
    if (!Array.isArray(records)) throw notAnEvent('the payload is not a JSON array');
    if (records.length > MAX_PAYLOAD_RECORDS)
      throw notAnEvent(`the payload contains more than ${MAX_PAYLOAD_RECORDS} records`);
    return records.map((record, index) => readRecord(record, `payload[${index}]`, operation));
  } catch (error) {
    // The data on the stream was a valid event. The error is in the payload, so the reason is always
    // `offloaded-payload`.
    throw error instanceof StreamEventError
      ? new StreamEventError('offloaded-payload', error.message)
      : error;
  }
}
