import type { DatasetKey } from '../../common/dataset-key.ts';
import type { Database } from '../../database/database.ts';
import { datasetId } from '../../database/row-ids.ts';
import { ERASE_DELETED, ERASE_ROWS } from './sync-statements.ts';

/**
 * Erases the records that the deletion of a dataset left, which nobody sees any more, in steps.
 * @param deletedSyncCount the deletion's
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
    // The deletion is committed; rows that are left of it nobody sees, and the next one erases them.
  }
}
