import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeStreamEvent } from '../../../lib/stream/decode-stream-event.ts';
import { StreamEventError } from '../../../lib/stream/stream-event.ts';
import {
  IDENTITY,
  NEW_YEAR,
  POOL,
  toBytes,
  wireEvent,
  wireRecord,
} from '../../fixtures/sync/stream-events.ts';

const decode = (members?: Parameters<typeof wireEvent>[0]) => decodeStreamEvent(toBytes(wireEvent(members)));

describe('a Cognito stream event', () => {
  it('decodes to its dataset, version and records', () => {
    expect(decode()).toEqual({
      kind: 'records',
      dataset: { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' },
      version: { lastModifiedDate: NEW_YEAR, syncCount: 1 },
      records: [
        {
          key: 'score',
          value: '42',
          version: { lastModifiedDate: NEW_YEAR, syncCount: 1 },
          deviceLastModifiedDate: NEW_YEAR - 500,
        },
      ],
    });
  });

  it('may spell datasetName as dataSetName, as Amazon’s developer guide does', () => {
    const { datasetName, ...event } = wireEvent();
    expect(decodeStreamEvent(toBytes({ ...event, dataSetName: datasetName })).dataset.datasetName).toBe(
      'game',
    );
  });

  it('may name a copy that a merge of identities made, whose name may exceed 128 characters', () => {
    const datasetName = `${'d'.repeat(128)}.${IDENTITY}`;
    expect(decode({ datasetName }).dataset.datasetName).toBe(datasetName);
  });

  it('may contain unknown members', () => {
    expect(decode({ shiny: { new: true }, kinesisSyncRecords: [wireRecord({ colour: 'red' })] })).toEqual(
      decode(),
    );
  });

  it.each([
    ['op remove', { op: 'remove', value: null }],
    ['op remove and a leftover value', { op: 'remove', value: 'old' }],
    ['no value', { value: null }],
  ])('removes a record with %s', (_, members) => {
    expect(decode({ kinesisSyncRecords: [wireRecord(members)] })).toMatchObject({
      records: [{ key: 'score', value: null }],
    });
  });

  it('removes all its records if its operation is remove, regardless of the op of each record', () => {
    expect(decode({ operation: 'remove' })).toMatchObject({
      kind: 'records',
      records: [{ key: 'score', value: null }],
    });
  });

  it.each([
    ['absent', undefined],
    ['null', null],
    ['empty', []],
  ])('removes the dataset if its operation is remove and its records are %s', (_, records) => {
    const { kinesisSyncRecords: _records, ...event } = wireEvent({ operation: 'remove' });
    const bytes = toBytes(records === undefined ? event : { ...event, kinesisSyncRecords: records });
    expect(decodeStreamEvent(bytes)).toMatchObject({
      kind: 'removal',
      lastModifiedDate: NEW_YEAR,
      syncCount: 1,
    });
  });

  it('may have no date and no sync count if it removes the dataset', () => {
    expect(
      decode({ operation: 'remove', kinesisSyncRecords: null, lastModifiedDate: null, syncCount: null }),
    ).toMatchObject({
      kind: 'removal',
      lastModifiedDate: null,
      syncCount: null,
    });
  });

  it('changes only the dataset if it contains no records', () => {
    expect(decode({ kinesisSyncRecords: [] })).toMatchObject({ kind: 'records', records: [] });
  });

  it.each([null, []])(
    'may contain the URL of its records if kinesisSyncRecords is %j',
    (kinesisSyncRecords) => {
      for (const operation of ['replace', 'remove']) {
        const url = 'https://bucket.example/x?sig=y';
        const event = { operation, kinesisSyncRecords, payloadType: 'S3Url', kinesisSyncRecordsURL: url };
        expect(decode(event)).toMatchObject({ kind: 'offloaded', url, operation });
      }
    },
  );

  it('accepts a key of 1,024 characters of two UTF-16 units each', () => {
    const key = '\u{1F600}'.repeat(1024);
    expect(decode({ kinesisSyncRecords: [wireRecord({ key })] })).toMatchObject({ records: [{ key }] });
    expect(() => decode({ kinesisSyncRecords: [wireRecord({ key: `${key}x` })] })).toThrow(
      '1 to 1024 characters long',
    );
  });

  it('accepts the longest valid key, an empty value and a value of a megabyte', () => {
    const key = '鍵'.repeat(1024);
    const records = [wireRecord({ key, value: '' }), wireRecord({ value: 'x'.repeat(1_048_575) })];
    expect(decode({ kinesisSyncRecords: records })).toMatchObject({
      records: [{ key, value: '' }, { key: 'score' }],
    });
  });
});

/** The members with which an invalid value makes an event rejected. A table in docs/query.md gives the reasons. */
const REJECTING = {
  event: [
    'identityPoolId',
    'identityId',
    'datasetName',
    'kinesisSyncRecords',
    'lastModifiedDate',
    'syncCount',
  ],
  record: ['key', 'value', 'syncCount', 'lastModifiedDate'],
};
const NONSENSE = [{ x: 1 }, [], -1, 0.5, 2 ** 63, 'nonsense', '', true];

describe('a nonsensical member', () => {
  const rejects = (event: unknown) => {
    try {
      decodeStreamEvent(toBytes(event));
      return false;
    } catch (error) {
      if (error instanceof StreamEventError) return true;
      throw error;
    }
  };

  it('makes an event rejected only if the member determines order or identity', () => {
    const members = [...Object.keys(wireEvent()), 'kinesisSyncRecordsURL'];
    expect(members.filter((name) => NONSENSE.some((value) => rejects(wireEvent({ [name]: value }))))).toEqual(
      REJECTING.event,
    );
  });

  it('of a record makes the event rejected only if it determines order or identity, or is the value', () => {
    const withRecord = (members: Parameters<typeof wireRecord>[0]) =>
      wireEvent({ kinesisSyncRecords: [wireRecord({ key: 'other' }), wireRecord(members)] });
    const members = Object.keys(wireRecord());
    expect(
      members.filter((name) => NONSENSE.some((value) => rejects(withRecord({ [name]: value })))).toSorted(),
    ).toEqual(REJECTING.record.toSorted());
  });

  it.each([
    ['in microseconds', NEW_YEAR * 1000],
    ["Java's Long.MAX_VALUE", 2 ** 63],
    ['a fraction', NEW_YEAR + 0.5],
    ['a text', '2026-01-01T00:00:00Z'],
    ['an object', {}],
    ['before the year 1', -62_135_596_800_001],
  ])('becomes null if it is the date of the device: %s', (_, deviceLastModifiedDate) => {
    const removed = wireRecord({ key: 'gone', op: 'remove', value: null });
    expect(decode({ kinesisSyncRecords: [wireRecord({ deviceLastModifiedDate }), removed] })).toMatchObject({
      kind: 'records',
      records: [
        { key: 'score', value: '42', deviceLastModifiedDate: null },
        { key: 'gone', value: null, deviceLastModifiedDate: NEW_YEAR - 500 },
      ],
    });
  });

  it.each(['', 'n/a', 5, {}, true])('is ignored if it is the URL next to inline records: %j', (url) => {
    for (const payloadType of ['Inline', 'S3Url', null, 'inline']) {
      expect(decode({ payloadType, kinesisSyncRecordsURL: url })).toEqual(decode());
    }
  });

  it('has no effect if it is an empty URL in an event without records', () => {
    expect(
      decode({ operation: 'remove', kinesisSyncRecords: null, kinesisSyncRecordsURL: '' }),
    ).toMatchObject({ kind: 'removal' });
    expect(decode({ kinesisSyncRecords: [], kinesisSyncRecordsURL: '' })).toMatchObject({
      kind: 'records',
      records: [],
    });
  });

  it.each([undefined, null, 'upsert', 'REMOVE', 1])(
    'is ignored if it is the op of a record, which is then removed only if its value is null: %j',
    (op) => {
      const records = [wireRecord({ value: 'kept' }), wireRecord({ key: 'gone', value: null })];
      const kinesisSyncRecords = records.map(({ op: _op, ...record }) =>
        op === undefined ? record : { ...record, op },
      );
      expect(decode({ kinesisSyncRecords })).toMatchObject({
        records: [
          { key: 'score', value: 'kept' },
          { key: 'gone', value: null },
        ],
      });
    },
  );

  it.each([null, 'upsert', 'REMOVE', 1])(
    'counts as replace if it is the operation of an event that has records or their URL: %j',
    (operation) => {
      const url = 'https://bucket.example/x?sig=y';
      expect(decode({ operation })).toEqual(decode());
      expect(
        decode({ operation, kinesisSyncRecords: null, payloadType: 'S3Url', kinesisSyncRecordsURL: url }),
      ).toMatchObject({ kind: 'offloaded', operation: 'replace', url });
    },
  );

  it('never changes a key, a value or a version, regardless of the nonsense', () => {
    const notRemove = fc.jsonValue().filter((value) => value !== 'remove');
    const record = fc
      .dictionary(fc.constantFrom('op', 'deviceLastModifiedDate', 'unknown'), notRemove)
      .map((members) => ({ ...wireRecord(), ...members }));
    const event = fc
      .dictionary(fc.constantFrom('operation', 'payloadType', 'unknown'), notRemove)
      .map((members) => ({ ...wireEvent(), ...members }));
    fc.assert(
      fc.property(event, record, (members, spoilt) => {
        const decoded = decodeStreamEvent(toBytes({ ...members, kinesisSyncRecords: [spoilt] }));
        expect(decoded).toMatchObject({
          ...decode(),
          records: [{ key: 'score', value: '42', version: { lastModifiedDate: NEW_YEAR, syncCount: 1 } }],
        });
      }),
    );
  });
});

describe('an invalid stream event', () => {
  it.each([
    ['empty', ''],
    ['binary', '\u0000\u0001\u0002'],
    ['truncated', '{"identityPoolId":'],
  ])('is rejected: %s', (_, data) => {
    expect(() => decodeStreamEvent(Buffer.from(data))).toThrow(
      new StreamEventError('not-json', 'the data is not JSON in UTF-8'),
    );
  });

  it('is rejected with the reason kpl-aggregated if a producer library combined it with other events', () => {
    const data = Buffer.concat([Uint8Array.of(0xf3, 0x89, 0x9a, 0xc2), toBytes(wireEvent())]);
    expect(() => decodeStreamEvent(data)).toThrow(
      expect.objectContaining({
        reason: 'kpl-aggregated',
        message: expect.stringMatching(
          /Cognito does not aggregate.*Kinesis Producer Library with aggregation enabled/,
        ),
      }),
    );
    expect(() => decodeStreamEvent(data.subarray(0, 3))).toThrow('not JSON in UTF-8');
  });

  it('is rejected if it is not UTF-8', () => {
    expect(() => decodeStreamEvent(Uint8Array.of(0x22, 0xff, 0x22))).toThrow('not JSON in UTF-8');
  });

  it.each(['null', '[]', '"text"', '1', 'true'])('is rejected: %s', (json) => {
    expect(() => decodeStreamEvent(Buffer.from(json))).toThrow('the data is not a JSON object');
  });

  it.each([
    ['identityPoolId is not a string', { identityPoolId: 1 }],
    ['identityPoolId does not match', { identityPoolId: 'nonsense' }],
    ['identityId must be 1 to 55 characters long', { identityId: `us-east-1:${'a'.repeat(50)}` }],
    ['identityId does not match', { identityId: 'us-east-1:ABC' }],
    ['datasetName is not a string', { datasetName: null }],
    ['datasetName does not match', { datasetName: 'a b' }],
    ['operation is neither "replace" nor "remove"', { operation: 'upsert', kinesisSyncRecords: null }],
    ['operation is neither "replace" nor "remove"', { operation: null, kinesisSyncRecords: [] }],
    ['kinesisSyncRecords is not an array', { kinesisSyncRecords: {} }],
    ['kinesisSyncRecordsURL is not a string', { kinesisSyncRecords: null, payloadType: 'S3Url' }],
    ['kinesisSyncRecordsURL is not a string', { kinesisSyncRecords: null, kinesisSyncRecordsURL: 5 }],
    [
      'kinesisSyncRecordsURL must be 1 to 8192 characters long',
      { kinesisSyncRecords: null, payloadType: 'S3Url', kinesisSyncRecordsURL: '' },
    ],
    ['are both present', { kinesisSyncRecordsURL: 'https://bucket.example/x' }],
    ['lastModifiedDate must be a date', { lastModifiedDate: '2026-01-01' }],
    ['lastModifiedDate must be a date', { lastModifiedDate: 1e300 }],
    ['lastModifiedDate must be a date', { lastModifiedDate: -62_167_219_200_000 }],
    ['syncCount must be an integer', { syncCount: -1 }],
    ['syncCount must be an integer', { syncCount: 2 ** 53 }],
    ['syncCount must be an integer', { syncCount: 1.5 }],
  ])('is rejected: %s', (message, members) => {
    expect(() => decode(members)).toThrow(message);
  });

  it.each([
    ['kinesisSyncRecords[1] is not an object', null],
    ['kinesisSyncRecords[1].key is not a string', wireRecord({ key: null })],
    ['kinesisSyncRecords[1].key must be 1 to 1024 characters long', wireRecord({ key: '' })],
    ['kinesisSyncRecords[1].key must be 1 to 1024 characters long', wireRecord({ key: 'k'.repeat(1025) })],
    ['kinesisSyncRecords[1].value is not a string', wireRecord({ value: 42 })],
    ['kinesisSyncRecords[1].syncCount must be an integer', wireRecord({ syncCount: '1' })],
    ['kinesisSyncRecords[1].lastModifiedDate must be a date', wireRecord({ lastModifiedDate: null })],
  ])('is rejected completely if one record is invalid: %s', (message, record) => {
    expect(() => decode({ kinesisSyncRecords: [wireRecord(), record] })).toThrow(message);
  });

  it('is not quoted in the reason', () => {
    const secret = 'hunter2';
    for (const data of [secret, `{"${secret}"`, JSON.stringify(wireEvent({ datasetName: `${secret}!` }))]) {
      expect(() => decodeStreamEvent(Buffer.from(data))).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining(secret) }),
      );
    }
  });

  it('is always rejected with a StreamEventError', () => {
    const anything = fc.oneof(
      fc.uint8Array(),
      fc.json().map((json) => Buffer.from(json)),
      fc
        .dictionary(fc.constantFrom(...Object.keys(wireEvent()), 'kinesisSyncRecordsURL'), fc.jsonValue())
        .map((members) => toBytes({ ...wireEvent(), ...members })),
    );
    fc.assert(
      fc.property(anything, (data) => {
        try {
          expect(decodeStreamEvent(data)).toHaveProperty('kind');
        } catch (error) {
          expect(error).toBeInstanceOf(StreamEventError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
