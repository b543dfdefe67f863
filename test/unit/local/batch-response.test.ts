import { describe, expect, it } from 'vitest';
import { evaluateBatch } from '../../../infra/local/event-source-mapping/batch-response.ts';

const batch = ['101', '102', '103', '99999999999999999999999999999999999999999999999999000001'];
const last = batch.length - 1;

function evaluate(answer: unknown, reportBatchItemFailures = true) {
  return evaluateBatch(batch, { kind: 'answered', answer }, { reportBatchItemFailures });
}

function reported(...itemIdentifiers: unknown[]) {
  return { batchItemFailures: itemIdentifiers.map((itemIdentifier) => ({ itemIdentifier })) };
}

describe('a batch is done', () => {
  it.each([
    ['no response', undefined],
    ['null', null],
    ['an empty object', {}],
    ['a null list', { batchItemFailures: null }],
    ['other members without a list', { statusCode: 200 }],
    ['an empty list', { batchItemFailures: [] }],
  ])('after %s', (_name, answer) => {
    expect(evaluate(answer)).toEqual({ outcome: 'done' });
  });
});

describe('a batch is retried from the reported record', () => {
  it.each([
    ['the first', reported('101'), 0],
    ['one in the middle', reported('103'), 2],
    ['the last, with a number above 2^53', reported(batch[last]), last],
    ['the lowest of several, in any order', reported('103', '102', batch[last]), 1],
    ['one reported twice', reported('102', '102'), 1],
    ['one reported with unknown members', { batchItemFailures: [{ itemIdentifier: '102', x: 1 }] }, 1],
  ])('%s', (_name, answer, index) => {
    expect(evaluate(answer)).toEqual({ outcome: 'retryFrom', index, sequenceNumber: batch[index] });
  });
});

describe('a whole batch is retried', () => {
  it.each([
    ['an empty identifier', reported('')],
    ['a null identifier', reported(null)],
    ['a number as identifier', reported(102)],
    ['a wrong key name', { batchItemFailures: [{ sequenceNumber: '102' }] }],
    ['a bare identifier', { batchItemFailures: ['102'] }],
    ['a null item', { batchItemFailures: [null] }],
    ['an identifier of no record of the batch', reported('100')],
    ['the event id in place of the sequence number', reported('shardId-000000000000:102')],
    ['one bad item among good ones', reported('103', '')],
    ['one unknown identifier among good ones', reported('103', '7')],
    ['an object in place of the list', { batchItemFailures: { itemIdentifier: '102' } }],
    ['a string in place of the list', { batchItemFailures: '102' }],
    ['false in place of the list', { batchItemFailures: false }],
    ['a list in place of the response', reported('102').batchItemFailures],
    ['a string in place of the response', 'OK'],
    ['a number in place of the response', 0],
  ])('after %s', (_name, answer) => {
    expect(evaluate(answer)).toEqual({ outcome: 'retryAll', reason: expect.any(String) });
  });

  it('after the function threw', () => {
    const threw = { kind: 'threw', errorName: 'TypeError', message: 'secret value' } as const;
    for (const reportBatchItemFailures of [true, false]) {
      const verdict = evaluateBatch(batch, threw, { reportBatchItemFailures });
      expect(verdict).toEqual({ outcome: 'retryAll', reason: 'the function threw TypeError' });
    }
  });

  it('with a reason that does not quote the response', () => {
    expect(JSON.stringify(evaluate(reported('secret value')))).not.toContain('secret');
  });
});

it('any response counts as success if reportBatchItemFailures is off', () => {
  for (const answer of [undefined, 'OK', reported('102'), reported('')]) {
    expect(evaluate(answer, false)).toEqual({ outcome: 'done' });
  }
});
