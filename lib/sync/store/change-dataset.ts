import type { DatasetKey } from '../../common/dataset-key.ts';
import { plainArray } from '../../database/array-literal.ts';
import { type Database, DatabaseError, type Transaction } from '../../database/database.ts';
import { datasetId, identityIdHash, recordId } from '../../database/row-ids.ts';
import {
  type Changed,
  type DatasetUpdate,
  exists,
  type Snapshot,
  type SyncSession,
  type UpdateDecision,
} from '../ports/sync-store.ts';
import { ERASE_ROWS, LOCK_DATASET, type WrittenRow } from './dataset-write-statements.ts';
import { datasetWritesFor } from './dataset-writes-for.ts';
import { eraseDeleted } from './erase-deleted.ts';
import { lockIdentities } from './lock-identities.ts';
import type { SnapshotCache } from './snapshot-cache.ts';
import { toDatasetOrNull } from './sync-rows.ts';
import { READ_SNAPSHOT, type SnapshotRow } from './sync-statements.ts';
import { transact } from './transact.ts';

/**
 * Maximum number of attempts without a lock, each on a snapshot read from the database. After these attempts, the
 * change takes a lock.
 */
const OPTIMISTIC_ATTEMPTS = 2;

/** SQLSTATE of a duplicate key: another update has already used the session. */
const UNIQUE_VIOLATION = '23505';

interface About {
  keys: readonly string[];
  session: SyncSession | null;
}

type Decide<Answer> = (snapshot: Snapshot) => UpdateDecision<Answer>;

/** One change in progress. */
interface Change<Answer> {
  database: Database;
  cache: SnapshotCache;
  dataset: DatasetKey;
  about: About;
  decide: Decide<Answer>;
}

/**
 * `SyncStore.change`: decides on a snapshot and writes only if the dataset's sync count is still the count in the
 * snapshot. Devices of one user rarely write at the same moment, so the write usually succeeds without a lock. The
 * write takes one round trip if the snapshot is cached, and two round trips otherwise. If other requests keep changing
 * the dataset, the change waits for a lock.
 */
export async function changeDataset<Answer>(change: Change<Answer>): Promise<Changed<Answer>> {
  const { database, cache, dataset, about, decide } = change;
  const cached = about.keys.length > 0 ? cache.recall(dataset, about.keys) : null;
  const decision = cached && decideOnCached(decide, cached);
  if (cached && decision) {
    const changed = await changeOptimistically(change, cached, decision);
    if (changed) return changed;
  }
  for (let attempt = 1; attempt <= OPTIMISTIC_ATTEMPTS; attempt += 1) {
    const snapshot = await readSnapshot(database, dataset, about);
    const changed = await changeOptimistically(change, snapshot, decide(snapshot));
    if (changed) return changed;
  }
  return changeLocked(change);
}

/**
 * Decides on a cached snapshot, which may be stale and does not show whether another update has used the session. Only
 * a successful write proves the snapshot right, so a decision not to write, or an error, is discarded.
 *
 * @returns null if the change must be decided on a snapshot from the database
 */
function decideOnCached<Answer>(decide: Decide<Answer>, cached: Snapshot): UpdateDecision<Answer> | null {
  try {
    const decision = decide(cached);
    return decision.update === null ? null : decision;
  } catch {
    return null;
  }
}

/**
 * Writes without a lock, if the dataset has not changed since the snapshot.
 * @returns null if the dataset has changed, or does not exist yet: creating a dataset needs the identity's lock, which
 *   guards the number of datasets
 */
async function changeOptimistically<Answer>(
  change: Change<Answer>,
  snapshot: Snapshot,
  { update, answer }: UpdateDecision<Answer>,
): Promise<Changed<Answer> | null> {
  const { database, cache, dataset } = change;
  const writes = datasetWritesFor(database);
  if (update === null) return { answer, outboxId: null, subscribed: false };
  if (!exists(snapshot.dataset)) return null;
  let written: WrittenRow | null;
  try {
    written = await writes.alone(database, (on) => writes.writeChange(on, dataset, update, snapshot));
  } catch (error) {
    cache.forget(dataset);
    if (error instanceof DatabaseError && error.code === UNIQUE_VIOLATION) return null;
    throw error;
  }
  if (written === null) {
    cache.forget(dataset);
    return null;
  }
  return finishChange(change, { snapshot, update, written, answer });
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

/**
 * Updates the cache after the commit. If the change was a deletion that did not erase all records, also erases the
 * remaining records.
 */
async function finishChange<Answer>(
  { database, cache, dataset, about }: Change<Answer>,
  { snapshot, update, written, answer }: Committed<Answer>,
): Promise<Changed<Answer>> {
  const isDeletion = !exists(update.dataset);
  if (isDeletion) cache.forget(dataset);
  else cache.keep(dataset, about.keys, snapshot, update);
  const rowCount = snapshot.dataset?.rowCount ?? 0;
  if (isDeletion && (written.erased < rowCount || written.erased === ERASE_ROWS))
    await eraseDeleted(database, dataset, update.dataset.deletedSyncCount);
  return { answer, outboxId: written.outbox_id, subscribed: written.subscribed };
}

/** Reads the snapshot on which a change of the dataset is decided. */
export async function readSnapshot(
  on: Transaction,
  dataset: DatasetKey,
  { keys, session }: About,
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
