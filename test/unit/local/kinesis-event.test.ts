import { describe, expect, it } from 'vitest';
import {
  encodeRecord,
  eventPayload,
  measureBatch,
  payloadBytes,
  toEventRecord,
} from '../../../infra/local/event-source-mapping/kinesis-event.ts';

const origin = {
  shardId: 'shardId-000000000006',
  streamArn: 'arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream',
  region: 'us-east-2',
  invokeIdentityArn: 'arn:aws:iam::123456789012:role/lambda-role',
};

const record = {
  sequenceNumber: '49590338271490256608559692538361571095921575989136588898',
  partitionKey: '1',
  data: new TextEncoder().encode('Hello, this is a test.'),
  arrivedAt: new Date(1_545_084_650_987),
};

describe('an event record', () => {
  it('equals the example in the AWS Lambda Developer Guide', () => {
    expect(toEventRecord(record, origin)).toEqual({
      kinesis: {
        kinesisSchemaVersion: '1.0',
        partitionKey: '1',
        sequenceNumber: '49590338271490256608559692538361571095921575989136588898',
        data: 'SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==',
        approximateArrivalTimestamp: 1545084650.987,
      },
      eventSource: 'aws:kinesis',
      eventVersion: '1.0',
      eventID: 'shardId-000000000006:49590338271490256608559692538361571095921575989136588898',
      eventName: 'aws:kinesis:record',
      invokeIdentityArn: 'arn:aws:iam::123456789012:role/lambda-role',
      awsRegion: 'us-east-2',
      eventSourceARN: 'arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream',
    });
  });

  it('contains exactly the bytes of a view that covers only part of its buffer', () => {
    const every = Uint8Array.from({ length: 258 }, (_, index) => index - 1);
    const { kinesis } = toEventRecord({ ...record, data: every.subarray(1, 257) }, origin);
    expect([...Buffer.from(kinesis.data, 'base64')]).toEqual([...every.subarray(1, 257)]);
    expect(toEventRecord({ ...record, data: new Uint8Array() }, origin).kinesis.data).toBe('');
  });
});

describe('an event', () => {
  it('is JSON of its records, with sizes counted in UTF-8 bytes', () => {
    const records = [record, { ...record, partitionKey: 'käse-💡-"' }];
    const encoded = records.map((each) => encodeRecord(each, origin));
    const payload = eventPayload(encoded);
    expect(JSON.parse(payload)).toEqual({ Records: records.map((each) => toEventRecord(each, origin)) });
    const sizes = encoded.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(Buffer.byteLength(payload)).toBe(sizes + '{"Records":[,]}'.length);
    for (const count of [0, 1, 2]) {
      const part = encoded.slice(0, count);
      expect(payloadBytes(part)).toBe(Buffer.byteLength(eventPayload(part)));
    }
    expect(encoded[0]).toMatchObject({
      sequenceNumber: record.sequenceNumber,
      arrivedAt: record.arrivedAt.getTime(),
    });
  });
});

describe('a batch', () => {
  const pending = Array.from({ length: 5 }, () => encodeRecord(record, origin));
  const [one] = pending;
  if (!one) throw new Error('no record');
  const sizeOf = (count: number) => Buffer.byteLength(eventPayload(pending.slice(0, count)));

  it('has at most batchSize records', () => {
    expect(measureBatch(pending, { batchSize: 3, maxPayloadBytes: 1e6 })).toEqual({ count: 3, full: true });
    expect(measureBatch(pending, { batchSize: 5, maxPayloadBytes: 1e6 })).toEqual({ count: 5, full: true });
    expect(measureBatch(pending, { batchSize: 6, maxPayloadBytes: 1e6 })).toEqual({ count: 5, full: false });
  });

  it('has exactly as many records as fit into the payload limit in bytes', () => {
    const measure = (maxPayloadBytes: number) => measureBatch(pending, { batchSize: 100, maxPayloadBytes });
    expect(measure(sizeOf(3))).toEqual({ count: 3, full: true });
    expect(measure(sizeOf(3) - 1)).toEqual({ count: 2, full: true });
    expect(measure(sizeOf(5))).toEqual({ count: 5, full: true });
    expect(measure(sizeOf(5) + 1)).toEqual({ count: 5, full: false });
  });

  it('contains one record even if it exceeds the limit', () => {
    expect(measureBatch(pending, { batchSize: 100, maxPayloadBytes: 10 })).toEqual({ count: 1, full: true });
    expect(measureBatch([one], { batchSize: 100, maxPayloadBytes: 10 })).toEqual({ count: 1, full: true });
  });

  it('is empty without pending records', () => {
    expect(measureBatch([], { batchSize: 100, maxPayloadBytes: 1e6 })).toEqual({ count: 0, full: false });
  });
});
