import type { DatasetKey } from '../../common/dataset-key.ts';
import type { Database } from '../../database/database.ts';
import { datasetId } from '../../database/row-ids.ts';
import { ERASE_DELETED, ERASE_ROWS } from './dataset-write-statements.ts';

/**
 * Erases, in steps, the records that the deletion of a dataset left behind. No reader sees these records any more.
 * Errors are ignored.
 * @param deletedSyncCount the dataset's count after the deletion
 */
export async function eraseDeleted(
  database: Database,
  dataset: DatasetKey,
  deletedSyncCount: number,
): Promise<void> {
  const values = [datasetId(dataset), deletedSyncCount];
  try {
    while ((await database.query(ERASE_DELETED, values)).rowsChanged === ERASE_ROWS);
  } catch {
    // The deletion is committed. No reader sees the remaining rows, and the next deletion erases them.
  }
}
