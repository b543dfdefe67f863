import type { DatasetKey } from '../common/dataset-key.ts';
import { ServiceError } from '../common/errors.ts';
import type { Limits } from './limits.ts';
import type { RowCounts } from './ports/sync-store.ts';

type RowLimits = Pick<Limits, 'rowsPerDataset' | 'keyBytesPerDataset'>;

/** A warning to the operator about a dataset that approaches its limits. */
export interface FillingDataset extends DatasetKey, RowCounts, RowLimits {}

/** Share of a limit at which the operator is warned. */
const WARNING_SHARE = 0.8;

/**
 * Rejects a call that creates rows beyond a limit. Calls that create no rows always pass, even above a limit. For
 * example, removing a record only changes the record's row, and DeleteDataset removes all rows.
 *
 * @throws {ServiceError} LimitExceededException
 */
export function checkRowLimits(before: RowCounts, after: RowCounts, limits: RowLimits): void {
  if (after.rowCount <= before.rowCount) return;
  if (after.rowCount > limits.rowsPerDataset) {
    throw new ServiceError(
      'LimitExceededException',
      `the dataset would have ${after.rowCount} records, including removed records, but the limit is ${limits.rowsPerDataset}; delete the dataset to discard removed records`,
    );
  }
  if (after.keyBytes > limits.keyBytesPerDataset) {
    throw new ServiceError(
      'LimitExceededException',
      `the dataset would have ${after.keyBytes} bytes of keys, including keys of removed records, but the limit is ${limits.keyBytesPerDataset}; delete the dataset to discard removed records`,
    );
  }
}

/** Returns whether a change makes a dataset reach 80 % of the limit on rows or of the limit on key bytes. */
export function startsFilling(before: RowCounts, after: RowCounts, limits: RowLimits): boolean {
  const reaches = (was: number, is: number, limit: number) =>
    was < limit * WARNING_SHARE && is >= limit * WARNING_SHARE;
  return (
    reaches(before.rowCount, after.rowCount, limits.rowsPerDataset) ||
    reaches(before.keyBytes, after.keyBytes, limits.keyBytesPerDataset)
  );
}
