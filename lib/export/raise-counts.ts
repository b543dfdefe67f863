import type { Row, ServiceItem } from './service-file.ts';

/** The time at which the count of a restore would be 0. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

/**
 * How much the count of a restore grows per second. Between two restores, no dataset may have more updates per second
 * than this. With a higher number, the counts would soon exceed 2^31 - 1, which is the limit of the SDK for .NET
 * (`int.Parse` in SQLiteLocalStorage.bcl.cs). With this number, the counts reach that limit in 2043.
 */
const COUNTS_PER_SECOND = 4;

/**
 * Added to the highest count of the backup if the count by time is not above it: a reserve for the updates after the
 * backup.
 */
const RESERVE = 1_000_000;

/**
 * Returns the sync count that a restore gives to all datasets and records of a backup. It must be above every count
 * that a device has received: from the service after the backup, or after an earlier restore of any other backup. The
 * file does not say which backups were restored before, so the count depends only on the time. If a dataset of the
 * backup already has a higher count, or the clock is behind, the count is `highest` plus a reserve instead.
 *
 * @param now the time of the restore, epoch milliseconds
 * @param highest the highest count of a dataset in the backup
 */
export function restoredCount(now: number, highest: number): number {
  const byTime = Math.floor((now - EPOCH_MS) / 1000) * COUNTS_PER_SECOND;
  return byTime > highest ? byTime : highest + RESERVE;
}

/**
 * Creates a function that raises the sync counts of the datasets and records in a backup. The function must receive the
 * items in the order of the file. A device may have synced after the backup, so the device's sync count can be above
 * the count in the backup. Without raised counts, the service would reject requests with the device's count. Later,
 * when the dataset has reached the device's count, the service would not send the device the changes with lower counts.
 * With raised counts, the count of each device is below the counts of all records, so every device receives the
 * complete restored datasets. Therefore the order of the counts within a dataset is no longer needed, and all its
 * records get the same count.
 *
 * The counts of deletions are not raised. Otherwise, if a dataset was deleted and created again long ago, every device
 * would delete its copy. The exception is a dataset that was deleted during the backup. The file also contains the old
 * records of this dataset, and the import erases them only if their counts are not above the count of the deletion. The
 * records that follow a dataset's second occurrence are newer than the deletion, so their count is one higher.
 *
 * Pools that are being migrated stay as they are, because their counts are compared with those of the origin.
 *
 * @param isMoving whether a pool is being migrated
 * @param to the result of `restoredCount`
 */
export function createRaise(
  isMoving: (identityPoolId: string) => boolean,
  to: number,
): (item: ServiceItem) => ServiceItem {
  /** Counts of the deletions that happened before the backup, by dataset. */
  const deletions = new Map<string, number>();
  /** The count for the records that follow in the file; null if the count of their dataset was not raised. */
  let count: number | null = null;
  return (item) => {
    if (item.type === 'dataset') {
      const { dataset_id, identity_pool_id, sync_count, deleted_sync_count, counted_sync_count } = item.row;
      const deleted = Number(deleted_sync_count);
      const exists = Number(sync_count) > deleted;
      const isDeletedSince = item.again === true && deleted > (deletions.get(String(dataset_id)) ?? 0);
      if (item.again !== true && deleted > 0) deletions.set(String(dataset_id), deleted);
      const isRaised = (isDeletedSince || exists) && !isMoving(String(identity_pool_id));
      count = isRaised ? to + (item.again === true && exists ? 1 : 0) : null;
      if (count === null) return item;
      const row: Row = {
        ...item.row,
        sync_count: count,
        // `counted_sync_count` is the count at which the sizes of the dataset were computed. Sizes that are current
        // stay current.
        counted_sync_count: counted_sync_count === sync_count ? count : (counted_sync_count ?? null),
        ...(isDeletedSince && { deleted_sync_count: to }),
      };
      return { ...item, row };
    }
    if (item.type !== 'record' || count === null) return item;
    return { ...item, row: { ...item.row, sync_count: count } };
  };
}
