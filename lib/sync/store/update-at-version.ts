import type { DatasetKey } from '../../common/dataset-key.ts';
import type { Database } from '../../database/database.ts';
import type { VersionedResult, VersionedUpdate } from '../ports/sync-store.ts';
import { datasetWritesFor } from './dataset-writes-for.ts';
import { nullIfSessionUsed } from './null-if-session-used.ts';

/** `SyncStore.updateAt`. */
export async function updateAtVersion(
  database: Database,
  dataset: DatasetKey,
  update: VersionedUpdate,
): Promise<VersionedResult | null> {
  const writes = datasetWritesFor(database);
  const written = await nullIfSessionUsed(() =>
    writes.alone(database, (on) => writes.writeAtVersion(on, dataset, update)),
  );
  if (written === null) return null;
  const after = { rowCount: written.row_count, keyBytes: written.key_bytes };
  return {
    outboxId: written.outbox_id,
    subscribed: written.subscribed,
    before: {
      rowCount: after.rowCount - written.added_rows,
      keyBytes: after.keyBytes - written.added_key_bytes,
    },
    after,
  };
}
