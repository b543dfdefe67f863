import type { SyncRecord } from '../sync/model.ts';
import { type Conflict, dateOf } from './decide.ts';

/**
 * Decides which records of a merged identity's dataset are written to the dataset's copy. A merge makes this copy for
 * the surviving identity. In a pool that is being migrated, a record can arrive long after the merge, because an old
 * version of the app wrote it at the origin. So the newest device date wins, as it does between two sides of a bridge.
 * Tombstones are copied, too: otherwise an older record that arrives later would return.
 *
 * @param records the rows of the merged dataset, including tombstones
 * @param stored the rows of the copy with the same keys, by key; null if the copy does not exist
 * @returns the records to write, and a conflict for each record that another one replaced or kept out
 */
export function chooseMerged(
  records: readonly SyncRecord[],
  stored: ReadonlyMap<string, SyncRecord> | null,
): { records: SyncRecord[]; conflicts: Conflict[] } {
  const chosen: SyncRecord[] = [];
  const conflicts: Conflict[] = [];
  for (const record of records) {
    const rival = stored?.get(record.Key);
    const thereMs = dateOfRecord(record);
    // The record gets a new LastModifiedDate in the copy, so the date that decides is stored as the device's date.
    const copied = { ...record, DeviceLastModifiedDate: thereMs };
    if (rival === undefined) chosen.push(copied);
    else if (rival.Value !== record.Value) {
      const hereMs = dateOfRecord(rival);
      const winner = hereMs >= thereMs ? 'here' : 'there';
      if (winner === 'there') chosen.push(copied);
      conflicts.push({ key: record.Key, kind: 'changed', winner, hereMs, thereMs });
    }
  }
  // If the copy does not exist, tombstones alone do not create it: it would be an empty dataset.
  const isEmpty = stored === null && chosen.every(({ Value }) => Value === null);
  return { records: isEmpty ? [] : chosen, conflicts };
}

function dateOfRecord({
  DeviceLastModifiedDate: deviceMs,
  LastModifiedDate: modifiedMs,
}: SyncRecord): number {
  return dateOf({ deviceMs, modifiedMs });
}
