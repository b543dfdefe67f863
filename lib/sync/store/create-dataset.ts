import type { DatasetKey } from '../../common/dataset-key.ts';
import type { Database } from '../../database/database.ts';
import type { Creation, CreationConditions, WrittenChange } from '../ports/sync-store.ts';
import { datasetWritesFor } from './dataset-writes-for.ts';
import { nullIfSessionUsed } from './null-if-session-used.ts';

/** The first attempt may only create the row of the identity. */
const ATTEMPTS = 2;

/** `SyncStore.create`. */
export async function createDataset(
  database: Database,
  dataset: DatasetKey,
  update: Creation,
  conditions: CreationConditions,
): Promise<WrittenChange | null> {
  const writes = datasetWritesFor(database);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const created = await nullIfSessionUsed(() => writes.create(database, dataset, update, conditions));
    if (created?.is_written) return { outboxId: created.outbox_id, subscribed: created.subscribed };
    if (!created?.is_identity_new) return null;
  }
  return null;
}
