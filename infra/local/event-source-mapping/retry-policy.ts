import type { BatchVerdict } from './batch-response.ts';
import type { EncodedRecord } from './kinesis-event.ts';
import type { MappingSettings } from './mapping-settings.ts';

/** A batch, or what is left of one, on its way to the function. */
export interface Attempt {
  records: readonly EncodedRecord[];
  /** How often these very records were sent again. */
  retries: number;
  /** How often they were sent, also together with others. */
  invocations: number;
  lastInvocation: LastInvocation | undefined;
}

export interface LastInvocation {
  requestId: string;
  /** Null where the function answered, but reported a failure. */
  functionError: 'Unhandled' | null;
}

export type NextStep =
  | { step: 'retry'; attempt: Attempt }
  /** In this order; the second begins when nothing of the first is left. */
  | { step: 'split'; attempts: [Attempt, Attempt] }
  | { step: 'discard'; condition: 'RetryAttemptsExhausted' };

type RetrySettings = Pick<MappingSettings, 'bisectBatchOnFunctionError' | 'maximumRetryAttempts'>;
type AgeSettings = Pick<MappingSettings, 'maximumRecordAgeInSeconds'>;

export function firstAttempt(records: readonly EncodedRecord[]): Attempt {
  return { records, retries: 0, invocations: 0, lastInvocation: undefined };
}

/** A part of a batch is a batch of its own: it was not tried yet. */
export function partOf(attempt: Attempt, from: number, to?: number): Attempt {
  return { ...attempt, records: attempt.records.slice(from, to), retries: 0 };
}

/**
 * What becomes of a batch that was not processed to its end.
 *
 * - Where a later record than the first was reported, the records from there on are tried again; with
 *   `bisectBatchOnFunctionError` too, since that splits the batch at the reported record.
 * - A batch that failed as a whole is split in the middle if `bisectBatchOnFunctionError` is on, until batches of
 *   one record are left. Splitting is no retry.
 * - Otherwise it is tried again, as often as `maximumRetryAttempts` says, and then discarded.
 *
 * Source: AWS Lambda Developer Guide, "Retain discarded batch records for a Kinesis Data Streams event source in
 * Lambda" and "Configuring partial batch response with Kinesis Data Streams and Lambda", "Bisecting a batch". Not
 * described there, and decided here so that nothing is discarded early: retries are counted for the same records
 * sent again, so the rest of a batch begins at none; and a report of the first record, which splits off nothing,
 * counts as a failure of the whole batch.
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
 * How many records, from the first, are too old for the function. A younger one ends them: order counts for more
 * than the age of those behind it, whose turn comes.
 *
 * With -1 a record is tried for as long as it is held here, also past the stream's retention, where AWS gives up.
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
