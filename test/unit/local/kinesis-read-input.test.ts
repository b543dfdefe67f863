import { describe, expect, it } from 'vitest';
import { readInput } from '../../../infra/local/kinesis/read-input.ts';

const ARN = 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders';

const nested = (levels: number, innermost: string) =>
  JSON.parse(`${'['.repeat(levels)}${innermost}${']'.repeat(levels)}`);

describe('the input of the Kinesis emulator', () => {
  it.each([
    ['a list in a list', { Records: [[[null]]] }],
    ['a list in a structure', { Tags: { a: [null] } }],
    ['a list', { TagKeys: ['a', null] }],
    ['a list of CBOR', { TagKeys: ['a', undefined] }],
  ])('is rejected if an entry of %s is null', (_, input) => {
    expect(() => readInput('PutRecords', input)).toThrow('an entry of a list must not be null');
  });

  it.each([20, 20_000, 1_000_000])('is rejected with %i levels', (levels) => {
    expect(() => readInput('PutRecords', { Records: nested(levels, 'null') })).toThrow(
      'the body has more than 8 levels',
    );
  });

  it.each([[null], ['text'], [1], [[]], [[null]]])('is rejected if it is %j', (input) => {
    expect(() => readInput('ListStreams', input)).toThrow('the body must be a JSON object');
  });

  it('may have members that are null', () => {
    const input = {
      StreamName: 'orders',
      Records: [{ Data: 'QQ==', PartitionKey: 'a', ExplicitHashKey: null }],
    };
    expect(readInput('PutRecords', input)).toEqual(input);
  });
});

describe('StreamARN', () => {
  it.each([
    ['of a stream', ARN, 'orders'],
    ['of another partition', 'arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a.b-c_D', 'a.b-c_D'],
    ['of a stream called __proto__', 'arn:aws:kinesis:us-east-1:000000000000:stream/__proto__', '__proto__'],
  ])('%s is replaced by the name of the stream', (_, StreamARN, StreamName) => {
    expect(readInput('DescribeStream', { StreamARN, Limit: 1 })).toEqual({ StreamName, Limit: 1 });
  });

  it('may be sent together with the StreamName that it contains', () => {
    const input = { StreamARN: ARN, StreamName: 'orders' };
    expect(readInput('PutRecord', input)).toEqual({ StreamName: 'orders' });
  });

  it('is rejected together with another StreamName', () => {
    const input = { StreamARN: ARN, StreamName: 'invoices' };
    expect(() => readInput('PutRecord', input)).toThrow(
      expect.objectContaining({ body: expect.objectContaining({ __type: 'InvalidArgumentException' }) }),
    );
  });

  it.each([
    'orders',
    'arn:aws:kinesis:us-east-1:000000000000:stream/',
    'arn:aws:kinesis:us-east-1:000000000000:stream/a/b',
    'arn:aws:kinesis:us-east-1:000000000000:stream/or ders',
    'arn:aws:kinesis:us-east-1:1:stream/orders',
    'arn:aws:sqs:us-east-1:000000000000:orders',
    `arn:aws:kinesis:us-east-1:000000000000:stream/${'a'.repeat(129)}`,
  ])('is rejected if it is %s', (StreamARN) => {
    expect(() => readInput('DescribeStream', { StreamARN })).toThrow(/at 'streamARN' failed to satisfy/);
  });

  it.each([[1], [{}], ['a'.repeat(2_049)]])(
    'is rejected if it is not a text of at most 2,048 characters',
    (StreamARN) => {
      expect(() => readInput('DescribeStream', { StreamARN })).toThrow(/^StreamARN /);
    },
  );

  it('is checked and removed in GetRecords, in which the shard iterator names the stream', () => {
    expect(readInput('GetRecords', { StreamARN: ARN, ShardIterator: 'x' })).toEqual({ ShardIterator: 'x' });
    expect(() => readInput('GetRecords', { StreamARN: 'x', ShardIterator: 'x' })).toThrow();
  });

  it('is ignored in operations for which AWS does not define it', () => {
    expect(readInput('CreateStream', { StreamARN: 'x', StreamName: 'a' })).toEqual({ StreamName: 'a' });
  });
});
