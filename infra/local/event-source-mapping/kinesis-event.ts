import type { KinesisStreamRecord } from 'aws-lambda';
import type { KinesisRecord } from '../../../lib/aws/kinesis-reader.ts';

/** The values that are the same in all event records of a shard. */
export interface EventOrigin {
  shardId: string;
  streamArn: string;
  region: string;
  /** The role with which the event source mapping reads the stream. */
  invokeIdentityArn: string;
}

/** A record in its wire form, with the properties that the poller needs. */
export interface EncodedRecord {
  sequenceNumber: string;
  /** Epoch milliseconds. */
  arrivedAt: number;
  /** One element of the event's `Records`, as JSON. */
  json: string;
  /** Length of `json` in UTF-8. */
  bytes: number;
}

/**
 * Payload limit of one invocation, including base64 and the surrounding members.
 * Source: AWS Lambda Developer Guide, "Lambda quotas", synchronous invocation payload.
 */
export const MAX_PAYLOAD_BYTES = 6 * 1024 * 1024;

const ENVELOPE_BYTES = '{"Records":[]}'.length;

/**
 * Converts a record to its form in the function's event: data in base64, arrival time in fractional seconds.
 * Source: AWS Lambda Developer Guide, "Process Amazon Kinesis Data Streams records with Lambda", example event.
 */
export function toEventRecord(record: KinesisRecord, origin: EventOrigin): KinesisStreamRecord {
  const { data } = record;
  return {
    kinesis: {
      kinesisSchemaVersion: '1.0',
      partitionKey: record.partitionKey,
      sequenceNumber: record.sequenceNumber,
      data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
      approximateArrivalTimestamp: record.arrivedAt.getTime() / 1_000,
    },
    eventSource: 'aws:kinesis',
    eventVersion: '1.0',
    eventID: `${origin.shardId}:${record.sequenceNumber}`,
    eventName: 'aws:kinesis:record',
    invokeIdentityArn: origin.invokeIdentityArn,
    awsRegion: origin.region,
    eventSourceARN: origin.streamArn,
  };
}

/**
 * Encodes a record as event JSON. Each record is encoded only once, because the payload limit needs its length and
 * every retry sends the same JSON.
 */
export function encodeRecord(record: KinesisRecord, origin: EventOrigin): EncodedRecord {
  const json = JSON.stringify(toEventRecord(record, origin));
  return {
    sequenceNumber: record.sequenceNumber,
    arrivedAt: record.arrivedAt.getTime(),
    json,
    bytes: Buffer.byteLength(json),
  };
}

/** Returns the `KinesisStreamEvent` with these records as JSON: the payload of one invocation. */
export function eventPayload(records: readonly EncodedRecord[]): string {
  return `{"Records":[${records.map(({ json }) => json).join(',')}]}`;
}

/** Returns the length of `eventPayload` in UTF-8 bytes. */
export function payloadBytes(records: readonly EncodedRecord[]): number {
  const separators = Math.max(0, records.length - 1);
  return records.reduce((sum, { bytes }) => sum + bytes, ENVELOPE_BYTES + separators);
}

/**
 * Returns how many of the pending records the next invocation receives, starting with the first record. The limits are
 * `batchSize` records and `maxPayloadBytes` in total. A single record that exceeds the payload limit forms a batch of
 * one record.
 *
 * @returns `count`, and whether the batch is `full`, which means that waiting for more records cannot make it larger
 */
export function measureBatch(
  pending: readonly EncodedRecord[],
  { batchSize, maxPayloadBytes }: { batchSize: number; maxPayloadBytes: number },
): { count: number; full: boolean } {
  let bytes = ENVELOPE_BYTES;
  let count = 0;
  for (const record of pending) {
    if (count === batchSize) break;
    bytes += record.bytes + (count > 0 ? ','.length : 0);
    if (count > 0 && bytes > maxPayloadBytes) return { count, full: true };
    count += 1;
  }
  return { count, full: count === batchSize || bytes >= maxPayloadBytes };
}
