import { describe, expect, it } from 'vitest';
import { decodePayload } from '../../../lib/stream/decode-payload.ts';
import { decodeStreamEvent } from '../../../lib/stream/decode-stream-event.ts';
import { recordsEvent } from '../../../lib/sync/build-stream-event.ts';
import { splitRecords } from '../../../lib/sync/jobs/split-records.ts';
import type { SyncRecord } from '../../../lib/sync/model.ts';
import { IDENTITY, NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

const GAME = { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' };
const VERSION = { syncCount: 3, lastModifiedDate: NEW_YEAR };
const LINK = { payloadId: 'p1', url: 'http://127.0.0.1:4580/payloads/p1?expires=2', expiresAt: 2_000 };

function record(Key: string, Value: string | null): SyncRecord {
  return {
    Key,
    Value,
    SyncCount: 3,
    LastModifiedDate: NEW_YEAR,
    LastModifiedBy: 'writer',
    DeviceLastModifiedDate: Value === null ? null : NEW_YEAR - 5,
  };
}

describe('the stream event of an update', () => {
  const records = [record('é', 'x\u0001'), record('gone', null)];
  const eventOf = (inlineBytes: number) => {
    const links = { create: () => LINK, open: () => null };
    return recordsEvent(GAME, VERSION, records, { links, inlineBytes });
  };
  const inline = eventOf(Number.POSITIVE_INFINITY);
  const bytes = Buffer.byteLength(inline.data);

  it('contains its records inline if the event is not larger than the limit in bytes', () => {
    expect(inline.payload).toBeNull();
    expect(JSON.parse(inline.data)).toMatchObject({ payloadType: 'Inline', kinesisSyncRecords: [{}, {}] });
    expect(eventOf(bytes)).toEqual(inline);
    expect(bytes).toBeGreaterThan(inline.data.length);
  });

  it('contains the service’s date of a record if the device sent no date, because consumers may not expect null', () => {
    expect(JSON.parse(inline.data).kinesisSyncRecords).toMatchObject([
      { deviceLastModifiedDate: NEW_YEAR - 5 },
      { deviceLastModifiedDate: NEW_YEAR },
    ]);
  });

  it('is valid and has no records if the update only removes keys that never existed', () => {
    const links = { create: () => LINK, open: () => null };
    const { data, payload } = recordsEvent(GAME, VERSION, [], { links, inlineBytes: 900 });
    expect(payload).toBeNull();
    expect(JSON.parse(data)).toMatchObject({ operation: 'replace', kinesisSyncRecords: [], syncCount: 3 });
    expect(decodeStreamEvent(Buffer.from(data))).toEqual({
      kind: 'records',
      dataset: GAME,
      version: VERSION,
      records: [],
    });
  });

  it('contains the URL of a payload with the records if the event would exceed the limit with inline records', () => {
    const { partitionKey, data, payload } = eventOf(bytes - 1);
    expect(partitionKey).toBe(IDENTITY);
    expect(Object.entries(JSON.parse(data))).toEqual([
      ['identityPoolId', POOL],
      ['identityId', IDENTITY],
      ['datasetName', 'game'],
      ['operation', 'replace'],
      ['kinesisSyncRecordsURL', LINK.url],
      ['payloadType', 'S3Url'],
      ['lastModifiedDate', NEW_YEAR],
      ['syncCount', 3],
    ]);
    expect(payload).toMatchObject({ payloadId: 'p1', expiresAt: 2_000 });
    expect(JSON.parse(payload?.body ?? '')).toEqual(JSON.parse(inline.data).kinesisSyncRecords);
    const event = decodeStreamEvent(Buffer.from(data));
    expect(event).toMatchObject({ kind: 'offloaded', url: LINK.url, operation: 'replace' });
    const read = decodePayload(Buffer.from(payload?.body ?? ''), 'replace');
    expect(decodeStreamEvent(Buffer.from(inline.data))).toMatchObject({ kind: 'records', records: read });
  });
});

describe('splitRecords', () => {
  it('returns one group of records if the dataset is empty, has 1,024 records, or has a value of 1 MiB', () => {
    expect(splitRecords([])).toEqual([[]]);
    const full = Array.from({ length: 1_024 }, (_, index) =>
      record(`k${index}`.padEnd(24), 'v'.repeat(1_000)),
    );
    expect(splitRecords(full)).toEqual([full]);
    const one = [record('k', 'v'.repeat(1_048_575))];
    expect(splitRecords(one)).toEqual([one]);
  });

  it('returns several groups if the records are too many or too large for one payload', () => {
    const tombstones = Array.from({ length: 10_001 }, (_, index) => record(`k${index}`, null));
    const groups = splitRecords(tombstones);
    expect(groups.map((group) => group.length)).toEqual([5_000, 5_000, 1]);
    expect(groups.flat()).toEqual(tombstones);
    const long = Array.from({ length: 1_000 }, (_, index) => record(`${index}`.padEnd(1_024, '鍵'), null));
    expect(splitRecords(long).length).toBeGreaterThan(2);
    expect(splitRecords(long).flat()).toEqual(long);
  });
});
