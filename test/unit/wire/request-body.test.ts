import { describe, expect, it } from 'vitest';
import { bodyLimitOf } from '../../../lib/wire/body-limits.ts';
import { parseJsonBody, receiveBody } from '../../../lib/wire/request-body.ts';

const parse = (body: string, maxValues = 10) => parseJsonBody(Buffer.from(body), maxValues);
const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;

function rejected(message: string): unknown {
  return expect.objectContaining({ code: 'SerializationException', status: 400, message });
}

describe('a JSON body', () => {
  it.each([
    ['', {}],
    ['{}', {}],
    ['{"a":[1,2,{"b":"ü\\u0001"}]}', { a: [1, 2, { b: 'ü\u0001' }] }],
    // Brackets, commas and quotes inside strings do not count as levels or values.
    [`{"a":"${'[,{'.repeat(50)}","b":"\\"[[\\\\"}`, { a: '[,{'.repeat(50), b: '"[[\\' }],
  ])('is parsed: %s', (body, expected) => {
    expect(parse(body)).toEqual(expected);
  });

  it('may have 32 levels; with more levels it is rejected before it is parsed', () => {
    expect(() => parse(nested(32), 100)).not.toThrow();
    expect(() => parse(nested(33), 100)).toThrow(rejected('the body has more than 32 levels'));
    // Nothing after the 33rd level is read, so the invalid JSON there is not noticed.
    expect(() => parse(`${'['.repeat(2_000_000)}x`, 1e9)).toThrow(
      rejected('the body has more than 32 levels'),
    );
  });

  it('may have as many values as the operation needs; with more values it is rejected before it is parsed', () => {
    expect(() => parse('{"a":[1,2,3,4,5,6,7,8]}')).not.toThrow();
    expect(() => parse('{"a":[1,2,3,4,5,6,7,8,9]}')).toThrow(rejected('the body has more than 10 values'));
    expect(() => parse(`{"a":[${'{},'.repeat(1_900_000)}x`)).toThrow(
      rejected('the body has more than 10 values'),
    );
    expect(() => parse(`{${'"a":"",'.repeat(100_000)}x`)).toThrow(
      rejected('the body has more than 10 values'),
    );
  });

  it.each(['{"a', '{"a\\', '"', ']]]]{}', '{"a":1}}', '}{'])('is rejected if it is not JSON: %s', (body) => {
    expect(() => parse(body)).toThrow(rejected('the body is not JSON'));
  });
});

describe('the limit of a body', () => {
  it('is 6 MiB for UpdateRecords, 512 KiB for operations with logins, and 64 KiB for all others', () => {
    expect(bodyLimitOf('UpdateRecords').maxBytes).toBe(6 * 1024 * 1024);
    expect(bodyLimitOf('GetId').maxBytes).toBe(512 * 1024);
    for (const operation of ['ListRecords', 'RegisterDevice', 'CreateIdentityPool', 'constructor']) {
      expect(bodyLimitOf(operation).maxBytes).toBe(64 * 1024);
    }
  });

  it('applies to a complete body, and is passed to the reader if the body has not arrived yet', async () => {
    const head = { method: 'POST', target: '/', headers: {} };
    const tooLarge = {
      code: 'RequestEntityTooLarge',
      status: 413,
      message: 'the request body is larger than 2 bytes',
    };
    expect(await receiveBody({ ...head, body: Buffer.from('ab') }, 2)).toEqual({
      ...head,
      body: Buffer.from('ab'),
    });
    await expect(receiveBody({ ...head, body: Buffer.from('abc') }, 2)).rejects.toMatchObject(tooLarge);
    const received = await receiveBody({ ...head, body: async (max) => Buffer.from(`${max}`) }, 2);
    expect(received).toEqual({ ...head, body: Buffer.from('2') });
  });
});
