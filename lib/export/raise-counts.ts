import type { Row, ServiceItem } from './service-file.ts';

/** By how much a restore raises the counts of datasets at least. */
export const RAISED_BY = 1_000_000;

/** At most 20 updates per second are accepted from one identity. The rest is for datasets that already have high counts. */
const RAISED_PER_SECOND = 100;

/**
 * Returns by how much a restore raises counts. It must exceed the number of updates of one dataset since the backup. The
 * backup, or an older one, may have been restored before; devices then have counts above those of the earlier restore.
 * So the number grows with the age of the backup.
 *
 * @param startedAt the start of the backup, epoch milliseconds
 * @param now epoch milliseconds
 */
export function raisedBy(startedAt: number, now: number): number {
  return RAISED_BY + RAISED_PER_SECOND * Math.ceil(Math.max(0, now - startedAt) / 1000);
}

/**
 * Creates the change that a restore makes to the items of a backup, in the order of the file: it raises the counts of
 * datasets and their records. A device may have synced after the backup, so its count can be above the backup's count.
 * The service would reject this count, and later hide the changes of other devices below it. After the change, each
 * count of a device is below the counts of all records, so every device receives the complete restored datasets.
 *
 * A count of a deletion stays as it is. Otherwise every device would delete its copy of a dataset that was deleted and
 * created again long ago. The exception is a dataset that was deleted during the backup: the file contains its old
 * records too, which the import erases if their counts are not above that of the deletion.
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
