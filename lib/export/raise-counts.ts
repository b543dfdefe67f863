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
 * Deleted datasets stay as they are. Their counts say that they do not exist. Pools that are being migrated stay as they
 * are too, because their counts are compared with those of the origin.
 *
 * @param isMoving whether a pool is being migrated
 */
export function createRaise(
  isMoving: (identityPoolId: string) => boolean,
): (item: ServiceItem) => ServiceItem {
  /** Records follow their dataset. */
  let isRaised = false;
  return (item) => {
    if (item.type === 'dataset') {
      const { identity_pool_id, sync_count, deleted_sync_count } = item.row;
      isRaised = Number(sync_count) > Number(deleted_sync_count) && !isMoving(String(identity_pool_id));
      return isRaised ? { ...item, row: raise(item.row, ['sync_count', 'counted_sync_count']) } : item;
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
