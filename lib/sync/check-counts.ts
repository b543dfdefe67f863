import { ServiceError } from '../common/errors.ts';
import { noSuchSyncCount } from './errors.ts';
import type { Patch } from './read-patches.ts';

/** The counts of a dataset at one moment. */
interface Counts {
  /** 0 where there is none. */
  dataset: number;
  /** 0 where there is no record of the key. */
  ofRecord: (key: string) => number;
}

/**
 * A count at or above the record's is not stale: clients send the dataset's count for records new to them.
 * @throws {ServiceError} InvalidParameterException: a patch counts on from what was never there;
 *   ResourceConflictException, in the documented words: a patch is older than the record
 */
export function checkCounts({ dataset, ofRecord }: Counts, patches: readonly Patch[]): void {
  for (const { key, syncCount } of patches) {
    if (syncCount > dataset) throw noSuchSyncCount(syncCount);
    const current = ofRecord(key);
    if (syncCount < current) {
      throw new ServiceError(
        'ResourceConflictException',
        `Current SyncCount for: ${key} is: ${current} not: ${syncCount}`,
      );
    }
  }
}
