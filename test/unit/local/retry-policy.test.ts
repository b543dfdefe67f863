import { describe, expect, it } from 'vitest';
import {
  afterFailure,
  countExpired,
  firstAttempt,
} from '../../../infra/local/event-source-mapping/retry-policy.ts';

const records = (count: number, arrivedAt: (index: number) => number = () => 0) =>
  Array.from({ length: count }, (_, index) => ({
    sequenceNumber: String(index + 1),
    arrivedAt: arrivedAt(index),
    json: '{}',
    bytes: 2,
  }));
const once = { bisectBatchOnFunctionError: false, maximumRetryAttempts: 1 };
const bisecting = { bisectBatchOnFunctionError: true, maximumRetryAttempts: 1 };
const failed = { outcome: 'retryAll', reason: 'the function threw Error' } as const;
const reported = (index: number) =>
  ({ outcome: 'retryFrom', index, sequenceNumber: String(index + 1) }) as const;
const tried = (count: number, retries = 0) => ({
  ...firstAttempt(records(count)),
  retries,
  invocations: retries + 1,
  lastInvocation: { requestId: 'r', functionError: null },
});

describe('a batch that failed as a whole', () => {
  it('is retried maximumRetryAttempts times, then discarded', () => {
    const attempt = tried(3);
    expect(afterFailure(attempt, failed, once)).toEqual({
      step: 'retry',
      attempt: { ...attempt, retries: 1 },
    });
    const exhausted = { step: 'discard', condition: 'RetryAttemptsExhausted' };
    expect(afterFailure(tried(3, 1), failed, once)).toEqual(exhausted);
    expect(afterFailure(tried(3), failed, { ...once, maximumRetryAttempts: 0 })).toEqual(exhausted);
  });

  it('is retried indefinitely if maximumRetryAttempts is -1', () => {
    const attempt = tried(1, 1_000_000);
    const endless = { ...bisecting, maximumRetryAttempts: -1 };
    expect(afterFailure(attempt, failed, endless)).toMatchObject({
      step: 'retry',
      attempt: { retries: 1_000_001 },
    });
  });

  it.each([
    [2, [1, 1]],
    [5, [3, 2]],
    [500, [250, 250]],
  ])('of %i records is split into %j if bisecting is on, without counting a retry', (count, sizes) => {
    const attempt = tried(count, 1);
    const next = afterFailure(attempt, failed, { ...bisecting, maximumRetryAttempts: 0 });
    if (next.step !== 'split') throw new Error(next.step);
    expect(next.attempts.map((half) => half.records.length)).toEqual(sizes);
    expect(next.attempts.flatMap((half) => half.records)).toEqual(attempt.records);
    expect(next.attempts).toMatchObject([{ retries: 0, invocations: 2 }, { retries: 0 }]);
  });

  it('of one record is retried, not split', () => {
    expect(afterFailure(tried(1), failed, bisecting)).toMatchObject({ step: 'retry' });
    expect(afterFailure(tried(1, 1), failed, bisecting)).toMatchObject({ step: 'discard' });
  });
});

describe('a batch with a reported record', () => {
  it.each([once, bisecting])(
    'is retried from that record, and its count of retries restarts at 0: %j',
    (settings) => {
      const attempt = tried(5, 1);
      expect(afterFailure(attempt, reported(3), settings)).toEqual({
        step: 'retry',
        attempt: { ...attempt, records: attempt.records.slice(3), retries: 0 },
      });
    },
  );

  it('counts as failed as a whole if the reported record is the first of the batch', () => {
    expect(afterFailure(tried(4), reported(0), once)).toMatchObject({
      step: 'retry',
      attempt: { retries: 1 },
    });
    expect(afterFailure(tried(4, 1), reported(0), once)).toMatchObject({ step: 'discard' });
    expect(afterFailure(tried(4, 1), reported(0), bisecting)).toMatchObject({ step: 'split' });
  });
});

describe('the age of records', () => {
  const ages = [70, 61, 60, 65];
  const now = 1_000_000;
  const aged = records(4, (index) => now - (ages[index] ?? 0) * 1_000);

  it('expires the oldest records, up to the first that is young enough', () => {
    expect(countExpired(aged, { maximumRecordAgeInSeconds: 60 }, now)).toBe(2);
    expect(countExpired(aged, { maximumRecordAgeInSeconds: 70 }, now)).toBe(0);
    expect(countExpired(aged, { maximumRecordAgeInSeconds: 60 }, now + 60_000)).toBe(4);
  });

  it('is ignored if maximumRecordAgeInSeconds is -1', () => {
    expect(countExpired(aged, { maximumRecordAgeInSeconds: -1 }, Number.MAX_SAFE_INTEGER)).toBe(0);
  });
});
