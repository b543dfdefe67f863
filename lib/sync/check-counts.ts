import { ServiceError } from '../common/errors.ts';
import { NoSuchSyncCountError } from './errors.ts';
import type { Patch } from './read-patches.ts';

/** The sync counts of a dataset at one point in time. */
interface Counts {
  /** 0 if the dataset never existed. */
  dataset: number;
  /** Returns 0 if the key has no record. */
  ofRecord: (key: string) => number;
}

/**
 * Checks the sync count of each patch. A patch is stale if its count is below the record's count. A count above the
 * record's count is valid up to the dataset's count, because clients send the dataset's count with a patch.
 *
 * @throws {ServiceError} InvalidParameterException if a patch's count is above the dataset's count;
 *   ResourceConflictException, with the documented text, if a patch's count is below the record's count
 */
export function checkCounts({ dataset, ofRecord }: Counts, patches: readonly Patch[]): void {
  for (const { key, syncCount } of patches) {
    if (syncCount > dataset) throw new NoSuchSyncCountError(syncCount);
    const current = ofRecord(key);
    if (syncCount < current) {
      throw new ServiceError(
        'ResourceConflictException',
        `Current SyncCount for: ${key} is: ${current} not: ${syncCount}`,
      );
    }
  }
}
