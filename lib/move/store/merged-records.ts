import type { ChooseRecords } from '../../sync/store/merge-store.ts';
import { chooseMerged } from '../choose-merged.ts';
import { putConflicts } from './bridge-store.ts';
import { READ_POOL } from './move-statements.ts';

/**
 * Creates the function that decides which records a merge copies. In pools that came from an origin, the newest device
 * date wins, and conflicts are saved under the name of the copy. This also holds after the end of a migration, because
 * the last records that the bridge wrote may not be merged yet. In other pools, each live record is copied.
 */
export function createMergedRecords({ now }: { now: () => number }): ChooseRecords {
  return async (on, target, { records, readStored }) => {
    const pool = await on.query(READ_POOL, [target.identityPoolId]);
    if (pool.rows.length === 0) return records.filter(({ Value }) => Value !== null);
    const chosen = chooseMerged(records, await readStored());
    await putConflicts(on, target, chosen.conflicts, now());
    return chosen.records;
  };
}
