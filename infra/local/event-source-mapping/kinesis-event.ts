import type { KinesisStreamRecord } from 'aws-lambda';
import type { KinesisRecord } from '../../../lib/aws/kinesis-reader.ts';

/** What all records of one shard's events have in common. */
export interface EventOrigin {
  shardId: string;
  streamArn: string;
  region: string;
  /** The role the mapping reads the stream with. */
  invokeIdentityArn: string;
}

/** A record as it goes over the wire in an event, with what the poller needs to know of it. */
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
 * What one invocation takes, base64 and the members around it included.
 * Source: AWS Lambda Developer Guide, "Lambda quotas", synchronous invocation payload.
 */
export const MAX_PAYLOAD_BYTES = 6 * 1024 * 1024;

const ENVELOPE_BYTES = '{"Records":[]}'.length;

/**
 * One record of the event a function gets: data in base64, arrival in seconds with a fraction.
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

/** The record as event JSON, made once: retries and the payload limit both need it. */
export function encodeRecord(record: KinesisRecord, origin: EventOrigin): EncodedRecord {
  const json = JSON.stringify(toEventRecord(record, origin));
  return {
    sequenceNumber: record.sequenceNumber,
    arrivedAt: record.arrivedAt.getTime(),
    json,
    bytes: Buffer.byteLength(json),
  };
}

/** The `KinesisStreamEvent` of these records as JSON, the payload of one invocation. */
export function eventPayload(records: readonly EncodedRecord[]): string {
  return `{"Records":[${records.map(({ json }) => json).join(',')}]}`;
}

/** Length of `eventPayload` in UTF-8. */
export function payloadBytes(records: readonly EncodedRecord[]): number {
  const separators = Math.max(0, records.length - 1);
  return records.reduce((sum, { bytes }) => sum + bytes, ENVELOPE_BYTES + separators);
}

/**
 * How many of the pending records the next invocation takes, from the first: at most `batchSize`, and as many
 * as fit into `maxPayloadBytes` together. A record that alone exceeds the limit goes alone.
 *
 * @returns `count`, and whether the batch is `full`, so that waiting for more records cannot make it larger
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
