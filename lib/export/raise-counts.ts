import type { Row, ServiceItem } from './service-file.ts';

/** Minimum number by which a restore raises the sync counts of datasets. */
export const RAISED_BY = 1_000_000;

/**
 * The service accepts only 20 updates per second of one identity. The rest is a reserve for counts that are already
 * high.
 */
const RAISED_PER_SECOND = 100;

/**
 * Returns the number by which a restore raises counts. It must exceed the number of updates of one dataset since the
 * backup. It grows with the age of the backup, because this backup, or a newer one, may have been restored before. That
 * restore has raised the counts too, and devices have received the raised counts. The next restore must raise them
 * further.
 *
 * @param startedAt the start of the backup, epoch milliseconds
 * @param now epoch milliseconds
 */
export function raisedBy(startedAt: number, now: number): number {
  return RAISED_BY + RAISED_PER_SECOND * Math.ceil(Math.max(0, now - startedAt) / 1000);
}

/**
 * Creates a function that raises the sync counts of the datasets and records in a backup. The function must receive the
 * items in the order of the file. A device may have synced after the backup, so the device's sync count can be above
 * the count in the backup. Without raised counts, the service would reject the device's count. Later, when the dataset
 * has reached this count, the service would not send the device the changes with lower counts. With raised counts, the
 * count of each device is below the counts of all records, so every device receives the complete restored datasets.
 *
 * The counts of deletions are not raised. Otherwise, if a dataset was deleted and created again long ago, every device
 * would delete its copy. The exception is a dataset that was deleted during the backup. The file also contains the old
 * records of this dataset, and the import erases them only if their counts are not above the count of the deletion.
 *
 * Pools that are being migrated stay as they are, because their counts are compared with those of the origin.
 *
 * @param isMoving whether a pool is being migrated
 * @param by the result of `raisedBy`
 */
export function createRaise(
  isMoving: (identityPoolId: string) => boolean,
  by: number,
): (item: ServiceItem) => ServiceItem {
  /** Counts of the deletions that happened before the backup, by dataset. */
  const deletions = new Map<string, number>();
  /** Records follow their dataset. */
  let isRaised = false;
  return (item) => {
    if (item.type === 'dataset') {
      const { dataset_id, identity_pool_id, sync_count } = item.row;
      const deleted = Number(item.row.deleted_sync_count);
      const isDeletedSince = item.again === true && deleted > (deletions.get(String(dataset_id)) ?? 0);
      if (item.again !== true && deleted > 0) deletions.set(String(dataset_id), deleted);
      isRaised = (isDeletedSince || Number(sync_count) > deleted) && !isMoving(String(identity_pool_id));
      if (!isRaised) return item;
      const columns = isDeletedSince ? ['deleted_sync_count'] : [];
      return { ...item, row: raise(item.row, ['sync_count', 'counted_sync_count', ...columns], by) };
    }
    if (item.type !== 'record' || !isRaised) return item;
    return { ...item, row: raise(item.row, ['sync_count'], by) };
  };
}

function raise(row: Row, columns: readonly string[], by: number): Row {
  const raised = columns.flatMap((column) => {
    const count = row[column];
    return typeof count === 'number' ? [[column, count + by] as const] : [];
  });
  return { ...row, ...Object.fromEntries(raised) };
}
