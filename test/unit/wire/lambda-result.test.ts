import { describe, expect, it } from 'vitest';
import type { EntryPoint } from '../../../lib/wire/lambda/read-event.ts';
import { writeResult } from '../../../lib/wire/lambda/write-result.ts';
import type { WireResponse } from '../../../lib/wire/wire-response.ts';

const URL_ENTRY: EntryPoint = { kind: 'function-url', multiValueHeaders: false };
const BALANCER: EntryPoint = { kind: 'load-balancer', multiValueHeaders: false };
const MIB = 1024 * 1024;

const respond = (body: string): WireResponse => ({
  status: 200,
  headers: [
    ['x-amzn-RequestId', 'r'],
    ['Vary', 'Origin'],
    ['Vary', 'Accept'],
  ],
  body,
});

describe('the result for a response', () => {
  it('keeps status, body and the letter case of the headers', async () => {
    expect(await writeResult(respond('{"é":1}'), URL_ENTRY)).toEqual({
      statusCode: 200,
      headers: { 'x-amzn-RequestId': 'r', Vary: 'Origin, Accept' },
      body: '{"é":1}',
      isBase64Encoded: false,
    });
  });

  it('lists the values of each header if the entry point requires lists', async () => {
    const result = await writeResult(respond(''), { kind: 'load-balancer', multiValueHeaders: true });
    expect(result).toEqual({
      statusCode: 200,
      statusDescription: '200 OK',
      multiValueHeaders: { 'x-amzn-RequestId': ['r'], Vary: ['Origin', 'Accept'] },
      body: '',
      isBase64Encoded: false,
    });
  });

  it('joins a body in parts', async () => {
    async function* parts() {
      yield '{"Records":[';
      yield ']}';
    }
    const result = await writeResult({ ...respond(''), body: parts() }, URL_ENTRY);
    expect(result.body).toBe('{"Records":[]}');
  });

  it('rejects if a part fails', async () => {
    async function* parts() {
      yield '{';
      throw new Error('the database is gone');
    }
    const written = writeResult({ ...respond(''), body: parts() }, URL_ENTRY);
    await expect(written).rejects.toThrow('the database is gone');
  });

  // Quotes take two bytes in the result, so a body of four million quotes has more than 6 MB there.
  it.each([
    ['6 MB of text', URL_ENTRY, 'x'.repeat(6 * MIB)],
    ['4 MB that take 8 MB in JSON', URL_ENTRY, '"'.repeat(4 * MIB)],
    ['3 MB in characters of three bytes', URL_ENTRY, '€'.repeat(3 * MIB)],
    ['1 MB behind a load balancer', BALANCER, 'x'.repeat(1_000_000)],
  ])('is an error of the API if the body is too large: %s', async (_size, entryPoint, body) => {
    const result = await writeResult(respond(body), entryPoint);
    expect(result).toMatchObject({
      statusCode: 400,
      headers: { 'x-amzn-RequestId': 'r', 'x-amzn-ErrorType': 'InvalidParameterException:' },
    });
    expect(JSON.parse(result.body)).toEqual({
      __type: 'InvalidParameterException',
      message: expect.stringMatching(/^the response is larger than \d+ bytes.*MaxResults$/),
    });
  });

  it.each([
    [URL_ENTRY, 'x'.repeat(6 * MIB - 1_000)],
    [BALANCER, '"'.repeat(499_000)],
  ])('is complete just below the limit', async (entryPoint, body) => {
    expect((await writeResult(respond(body), entryPoint)).body).toBe(body);
  });

  it('stops reading parts as soon as the limit is exceeded', async () => {
    let created = 0;
    async function* parts() {
      for (; created < 100; created += 1) yield 'x'.repeat(MIB);
    }
    const result = await writeResult({ ...respond(''), body: parts() }, URL_ENTRY);
    expect(result.statusCode).toBe(400);
    expect(created).toBeLessThan(10);
  });
});
