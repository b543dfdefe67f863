import type { DatasetKey } from '../../common/dataset-key.ts';
import type { Database } from '../../database/database.ts';
import { datasetId } from '../../database/row-ids.ts';
import { ERASE_DELETED } from './dataset-write-statements.ts';
import { changeUntilNone } from './remove-deleted-datasets.ts';

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
    await changeUntilNone(database, ERASE_DELETED, values);
  } catch {
    // The deletion is committed. No reader sees the remaining rows, and the next deletion erases them.
  }
}
