import type { Row, ServiceItem } from './service-file.ts';

/**
 * By how much a restore raises the counts of datasets. It must exceed the number of updates of one dataset since the
 * backup: at most 20 per second are accepted from one identity, and far fewer occur.
 */
export const RAISED_BY = 1_000_000;

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
 */
export function createRaise(
  isMoving: (identityPoolId: string) => boolean,
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
      return { ...item, row: raise(item.row, ['sync_count', 'counted_sync_count', ...columns]) };
    }
    if (item.type !== 'record' || !isRaised) return item;
    return { ...item, row: raise(item.row, ['sync_count']) };
  };
}

function raise(row: Row, columns: readonly string[]): Row {
  const raised = columns.flatMap((column) => {
    const count = row[column];
    return typeof count === 'number' ? [[column, count + RAISED_BY] as const] : [];
  });
  return { ...row, ...Object.fromEntries(raised) };
}
