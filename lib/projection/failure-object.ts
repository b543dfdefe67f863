import type { KinesisStreamRecord } from 'aws-lambda';
import { isObject } from '../stream/members.ts';
import type { Delivery } from './delivery.ts';
import { toDelivery } from './kinesis-delivery.ts';

/**
 * Reads an object of Lambda's failure destination in S3: JSON whose `payload` is the event that the function could not
 * process, as text. Source: AWS Lambda Developer Guide, "Retain discarded batch records for a Kinesis Data Streams event
 * source in Lambda".
 *
 * @returns what stood on the stream, or null where this is no such object
 */
export function readFailureObject(bytes: Uint8Array): Delivery[] | null {
  const object = parse(Buffer.from(bytes).toString());
  const event = isObject(object) && typeof object.payload === 'string' ? parse(object.payload) : null;
  if (!isObject(event) || !Array.isArray(event.Records) || !event.Records.every(isKinesisRecord)) return null;
  return event.Records.map(toDelivery);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

function isKinesisRecord(record: unknown): record is KinesisStreamRecord {
  return (
    isObject(record) &&
    typeof record.eventID === 'string' &&
    typeof record.eventSourceARN === 'string' &&
    isObject(record.kinesis) &&
    typeof record.kinesis.sequenceNumber === 'string' &&
    typeof record.kinesis.data === 'string' &&
    Number.isFinite(record.kinesis.approximateArrivalTimestamp)
  );
}
