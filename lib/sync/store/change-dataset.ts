import type { DatasetKey } from '../../common/dataset-key.ts';
import { plainArray } from '../../database/array-literal.ts';
import { type Database, DatabaseError, type Transaction } from '../../database/database.ts';
import { datasetId, identityIdHash, recordId } from '../../database/row-ids.ts';
import {
  type Changed,
  type ChangeSubject,
  type DatasetUpdate,
  exists,
  type Snapshot,
  type UpdateDecision,
} from '../ports/sync-store.ts';
import type { WrittenRow } from './dataset-write-parts.ts';
import { ERASE_ROWS, LOCK_DATASET } from './dataset-write-statements.ts';
import { datasetWritesFor } from './dataset-writes-for.ts';
import { eraseDeleted } from './erase-deleted.ts';
import { lockIdentities } from './lock-identities.ts';
import { nullIfSessionUsed } from './null-if-session-used.ts';
import { toDatasetOrNull } from './sync-rows.ts';
import { READ_SNAPSHOT, type SnapshotRow } from './sync-statements.ts';
import { transact } from './transact.ts';

/**
 * Maximum number of attempts without a lock, each on a snapshot read from the database. After these attempts, the
 * change takes a lock.
 */
const OPTIMISTIC_ATTEMPTS = 2;

type Decide<Answer> = (snapshot: Snapshot) => UpdateDecision<Answer>;

/** One change in progress. */
interface Change<Answer> {
  database: Database;
  dataset: DatasetKey;
  about: ChangeSubject;
  decide: Decide<Answer>;
}

/**
 * `SyncStore.change`: decides on a snapshot and writes only if the dataset's sync count is still the count in the
 * snapshot. Devices of one user rarely write at the same moment, so the write usually succeeds without a lock. If
 * other requests keep changing the dataset, the change waits for a lock. The creation of a dataset always needs the
 * identity's lock, which guards the number of datasets.
 */
export async function changeDataset<Answer>(change: Change<Answer>): Promise<Changed<Answer>> {
  const { database, dataset, about, decide } = change;
  const attempts = about.isNew ? 0 : OPTIMISTIC_ATTEMPTS;
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const snapshot = await readSnapshot(database, dataset, about);
    const { update, answer } = decide(snapshot);
    if (update === null) return { answer, outboxId: null, subscribed: false };
    if (!exists(snapshot.dataset)) break;
    const changed = await changeOptimistically(change, { snapshot, update, answer });
    if (changed) return changed;
  }
  return changeLocked(change);
}

/** Writes without a lock. @returns null if the dataset has changed since the snapshot */
async function changeOptimistically<Answer>(
  change: Change<Answer>,
  { snapshot, update, answer }: Omit<Committed<Answer>, 'written'>,
): Promise<Changed<Answer> | null> {
  const { database, dataset } = change;
  const writes = datasetWritesFor(database);
  const written = await nullIfSessionUsed(() =>
    writes.alone(database, (on) => writes.writeChange(on, dataset, update, snapshot)),
  );
  return written && finishChange(change, { snapshot, update, written, answer });
}

/**
 * Decides and writes while it holds the locks of the identity and of the dataset, so that no other change can
 * intervene.
 */
async function changeLocked<Answer>(change: Change<Answer>): Promise<Changed<Answer>> {
  const { database, dataset, about, decide } = change;
  const writes = datasetWritesFor(database);
  const { snapshot, update, written, answer } = await transact(database, async (transaction) => {
    await lockIdentities(transaction, dataset.identityPoolId, [dataset.identityId]);
    await transaction.query(LOCK_DATASET, [datasetId(dataset)]);
    const snapshot = await readSnapshot(transaction, dataset, about);
    const { update, answer } = decide(snapshot);
    const written = update && (await writes.writeChange(transaction, dataset, update, snapshot));
    if (update && !written) throw new DatabaseError('the dataset changed while it was locked', '40001');
    return { snapshot, update, written, answer };
  });
  if (!update || !written) return { answer, outboxId: null, subscribed: false };
  return finishChange(change, { snapshot, update, written, answer });
}

interface Committed<Answer> {
  snapshot: Snapshot;
  update: DatasetUpdate;
  written: WrittenRow;
  answer: Answer;
}

/** Erases the remaining records after the commit, if the change was a deletion that did not erase all records. */
async function finishChange<Answer>(
  { database, dataset }: Change<Answer>,
  { snapshot, update, written, answer }: Committed<Answer>,
): Promise<Changed<Answer>> {
  const isDeletion = !exists(update.dataset);
  const rowCount = snapshot.dataset?.rowCount ?? 0;
  if (isDeletion && (written.erased < rowCount || written.erased === ERASE_ROWS))
    await eraseDeleted(database, dataset, update.dataset.deletedSyncCount);
  return { answer, outboxId: written.outbox_id, subscribed: written.subscribed };
}

/** Reads the snapshot on which a change of the dataset is decided. */
export async function readSnapshot(
  on: Transaction,
  dataset: DatasetKey,
  { keys, session }: ChangeSubject,
): Promise<Snapshot> {
  const { rows } = await on.query<SnapshotRow>(READ_SNAPSHOT, [
    datasetId(dataset),
    plainArray(keys.map(recordId)),
    dataset.identityPoolId,
    dataset.identityId,
    session?.expiresAt ?? null,
    session?.sessionId ?? null,
    identityIdHash(dataset.identityId),
  ]);
  const [first] = rows;
  return {
    dataset: first ? toDatasetOrNull(first) : null,
    spent: first?.spent ?? false,
    identityDatasets: first?.identity_datasets ?? 0,
    poolExists: first?.pool_exists ?? false,
    identityDeleted: first?.identity_deleted ?? false,
    records: new Map(
      rows.flatMap((row) =>
        row.record_key === null
          ? []
          : [[row.record_key, { syncCount: row.record_sync_count, valueBytes: row.value_bytes }]],
      ),
    ),
  };
}
