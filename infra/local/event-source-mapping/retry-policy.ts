import type { BatchVerdict } from './batch-response.ts';
import type { EncodedRecord } from './kinesis-event.ts';
import type { MappingSettings } from './mapping-settings.ts';

/** A batch, or the rest of a batch, for the next invocation. */
export interface Attempt {
  records: readonly EncodedRecord[];
  /** Number of retries with exactly these records. */
  retries: number;
  /** Number of invocations with these records, including invocations with larger batches that contained them. */
  invocations: number;
  lastInvocation: LastInvocation | undefined;
}

export interface LastInvocation {
  requestId: string;
  /** Null if the function responded but reported a failure. */
  functionError: 'Unhandled' | null;
}

export type NextStep =
  | { step: 'retry'; attempt: Attempt }
  /** The two halves in order: the second starts when the first is completely processed. */
  | { step: 'split'; attempts: [Attempt, Attempt] }
  | { step: 'discard'; condition: 'RetryAttemptsExhausted' };

type RetrySettings = Pick<MappingSettings, 'bisectBatchOnFunctionError' | 'maximumRetryAttempts'>;
type AgeSettings = Pick<MappingSettings, 'maximumRecordAgeInSeconds'>;

export function firstAttempt(records: readonly EncodedRecord[]): Attempt {
  return { records, retries: 0, invocations: 0, lastInvocation: undefined };
}

/** Returns a part of a batch. The part counts as a new batch that was not tried yet. */
export function partOf(attempt: Attempt, from: number, to?: number): Attempt {
  return { ...attempt, records: attempt.records.slice(from, to), retries: 0 };
}

/**
 * Decides what happens to a batch that was not completely processed.
 *
 * - If the function reported a record after the first, the reported record and all later records are retried. This also
 *   applies with `bisectBatchOnFunctionError`, because AWS then splits the batch at the reported record.
 * - A batch that failed as a whole is split in the middle if `bisectBatchOnFunctionError` is on, down to batches of one
 *   record. A split does not count as a retry.
 * - Otherwise the batch is retried up to `maximumRetryAttempts` times and then discarded.
 *
 * Source: AWS Lambda Developer Guide, "Retain discarded batch records for a Kinesis Data Streams event source in
 * Lambda" and "Configuring partial batch response with Kinesis Data Streams and Lambda", "Bisecting a batch".
 *
 * AWS does not document two details. This project chose the following rules, so that no record is discarded too early:
 *
 * - Retries are counted per set of records. If only the rest of a batch is retried, its count starts at zero.
 * - If the function reported the first record, no processed records can be split off, so the whole batch counts as
 *   failed.
 */
export function afterFailure(
  attempt: Attempt,
  verdict: Exclude<BatchVerdict, { outcome: 'done' }>,
  { bisectBatchOnFunctionError, maximumRetryAttempts }: RetrySettings,
): NextStep {
  const { records, retries } = attempt;
  if (verdict.outcome === 'retryFrom' && verdict.index > 0) {
    return { step: 'retry', attempt: partOf(attempt, verdict.index) };
  }
  if (bisectBatchOnFunctionError && records.length > 1) {
    const middle = Math.ceil(records.length / 2);
    return { step: 'split', attempts: [partOf(attempt, 0, middle), partOf(attempt, middle)] };
  }
  if (maximumRetryAttempts !== -1 && retries >= maximumRetryAttempts) {
    return { step: 'discard', condition: 'RetryAttemptsExhausted' };
  }
  return { step: 'retry', attempt: { ...attempt, retries: retries + 1 } };
}

/**
 * Returns how many records at the start of the batch are too old for the function. Counting stops at the first record
 * that is young enough, because the records must stay in order. Records behind it may be too old as well. They are
 * checked when they are at the start of a batch.
 *
 * If the maximum age is -1, a record is retried as long as this process holds it. AWS stops at the end of the stream's
 * retention.
 *
 * @param now epoch milliseconds
 */
export function countExpired(
  records: readonly EncodedRecord[],
  { maximumRecordAgeInSeconds }: AgeSettings,
  now: number,
): number {
  if (maximumRecordAgeInSeconds === -1) return 0;
  const oldest = now - maximumRecordAgeInSeconds * 1000;
  const firstYoung = records.findIndex(({ arrivedAt }) => arrivedAt >= oldest);
  return firstYoung === -1 ? records.length : firstYoung;
}
