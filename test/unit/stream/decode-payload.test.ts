import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePayload } from '../../../lib/stream/decode-payload.ts';
import { decodeStreamEvent } from '../../../lib/stream/decode-stream-event.ts';
import { StreamEventError } from '../../../lib/stream/stream-event.ts';
import { toBytes, wireEvent, wireRecord } from '../../fixtures/sync/stream-events.ts';

const decode = (payload: unknown) => decodePayload(toBytes(payload), 'replace');

describe('an offloaded payload', () => {
  it('decodes to the same records as an event that contains them inline', () => {
    const records = [
      wireRecord(),
      wireRecord({ key: '鍵\u{1F600}', value: '' }),
      wireRecord({ key: 'gone', op: 'remove', value: null }),
      wireRecord({ key: 'undated', deviceLastModifiedDate: null, colour: 'red' }),
    ];
    expect(decodeStreamEvent(toBytes(wireEvent({ kinesisSyncRecords: records })))).toMatchObject({
      records: decode(records),
    });
  });

  it('removes all its records if the operation of the event is remove, regardless of the op of each record', () => {
    const records = [wireRecord(), { ...wireRecord({ key: 'b' }), op: undefined }];
    expect(decodePayload(toBytes(records), 'remove')).toMatchObject([
      { key: 'score', value: null },
      { key: 'b', value: null },
    ]);
  });

  it('decodes a nonsensical date of the device to null', () => {
    expect(decode([wireRecord({ deviceLastModifiedDate: 2 ** 63 })])).toMatchObject([
      { key: 'score', value: '42', deviceLastModifiedDate: null },
    ]);
  });

  it('may be an empty list, contain a value of a megabyte, or start with a byte order mark', () => {
    expect(decode([])).toEqual([]);
    expect(decode([wireRecord({ value: 'x'.repeat(1_048_576) })])).toHaveLength(1);
    expect(decodePayload(Buffer.from('\uFEFF[]'), 'replace')).toEqual([]);
  });

  it('is rejected with more than 65,536 records', () => {
    const records = (count: number) =>
      Array.from({ length: count }, (_, index) => wireRecord({ key: `${index}` }));
    expect(decode(records(65_536))).toHaveLength(65_536);
    expect(() => decode(records(65_537))).toThrow('the payload contains more than 65536 records');
  });
});

describe('an invalid payload is rejected', () => {
  it.each([
    ['empty', '', 'the payload is not JSON in UTF-8'],
    ['truncated', '[{"key":', 'the payload is not JSON in UTF-8'],
    ['an error of S3', '<?xml version="1.0"?><Error/>', 'the payload is not JSON in UTF-8'],
    ['not UTF-8', Uint8Array.of(0x5b, 0x22, 0xff, 0x22, 0x5d), 'the payload is not JSON in UTF-8'],
    ['null', 'null', 'the payload is not a JSON array'],
    ['an envelope', '{"kinesisSyncRecords":[]}', 'the payload is not a JSON array'],
    ['a list of numbers', '[1]', 'payload[0] is not an object'],
    ['deeply nested', '['.repeat(100_000) + ']'.repeat(100_000), 'payload[0] is not an object'],
  ])('%s', (_, payload, message) => {
    expect(() => decodePayload(Buffer.from(payload), 'replace')).toThrow(
      new StreamEventError('offloaded-payload', message),
    );
  });

  it.each([
    ['payload[1] is not an object', null],
    ['payload[1].key must be 1 to 1024 characters long', wireRecord({ key: '' })],
    ['payload[1].value is not a string', wireRecord({ value: 42 })],
    ['payload[1].syncCount must be an integer', wireRecord({ syncCount: -1 })],
    ['payload[1].lastModifiedDate must be a date', wireRecord({ lastModifiedDate: null })],
  ])('completely if one record is invalid: %s', (message, record) => {
    expect(() => decode([wireRecord(), record])).toThrow(
      expect.objectContaining({ reason: 'offloaded-payload', message: expect.stringContaining(message) }),
    );
  });

  it('without quoting any of its content', () => {
    const secret = 'hunter2';
    const member = fc.oneof(fc.jsonValue(), fc.constant(secret));
    const record = fc
      .dictionary(fc.constantFrom(...Object.keys(wireRecord())), member)
      .map((members) => ({ ...wireRecord(), ...members }));
    const anything = fc.oneof(
      fc.uint8Array(),
      fc.constant(Buffer.from(secret)),
      fc.array(fc.oneof(record, member)).map(toBytes),
      record.map(toBytes),
    );
    fc.assert(
      fc.property(anything, fc.constantFrom('replace', 'remove'), (bytes, operation) => {
        try {
          expect(decodePayload(bytes, operation)).toBeInstanceOf(Array);
        } catch (error) {
          expect(error).toBeInstanceOf(StreamEventError);
          expect(error).toMatchObject({
            reason: 'offloaded-payload',
            message: expect.not.stringContaining(secret),
          });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
