import { randomUUID } from 'node:crypto';
import type { DatasetKey } from '../../common/dataset-key.ts';
import { plainArray } from '../../database/array-literal.ts';
import { type Database, DatabaseError, type SqlValue, type Transaction } from '../../database/database.ts';
import { datasetId, identityRowId, recordId } from '../../database/row-ids.ts';
import {
  type Changed,
  type DatasetUpdate,
  exists,
  type Snapshot,
  type SyncSession,
  type UpdateDecision,
} from '../ports/sync-store.ts';
import { eraseDeleted } from './erase-deleted.ts';
import type { SnapshotCache } from './snapshot-cache.ts';
import { toDatasetOrNull, toDatasetValues, toRecordColumns } from './sync-rows.ts';
import {
  ERASE_ROWS,
  LOCK_DATASET,
  LOCK_IDENTITY,
  READ_SNAPSHOT,
  type SnapshotRow,
  WRITE_DELETION,
  WRITE_OFFLOADED_UPDATE,
  WRITE_UPDATE,
  type WrittenRow,
} from './sync-statements.ts';

/** How often a change is decided on a snapshot that another change can make old before it waits for its turn. */
const FREE_ATTEMPTS = 2;

/** The SQLSTATE of a key that is there already: the session's, which is spent. */
const UNIQUE_VIOLATION = '23505';

interface About {
  keys: readonly string[];
  session: SyncSession | null;
}

type Decide<Answer> = (snapshot: Snapshot) => UpdateDecision<Answer>;

const NOTHING_WRITTEN = { outboxId: null, subscribed: false };

interface Deps {
  database: Database;
  kept: SnapshotCache;
}

/**
 * `SyncStore.change`: first on what this process knows of the dataset; then on what is read, without a lock, since
 * devices of one person rarely write at the same moment; then, where others keep coming first, in turn.
 */
export async function changeDataset<Answer>(
  deps: Deps,
  dataset: DatasetKey,
  about: About,
  decide: Decide<Answer>,
): Promise<Changed<Answer>> {
  const known = await changeFromMemory(deps, dataset, about, decide);
  if (known) return known;
  for (let attempt = 1; attempt <= FREE_ATTEMPTS; attempt += 1) {
    const outcome = await changeFreely(deps, dataset, about, decide);
    if (outcome) return outcome;
  }
  return changeInTurn(deps, dataset, about, decide);
}

/**
 * One round trip, for a device that goes on writing. What is remembered may be old, and says nothing of the session;
 * only a write that went through shows that it was right. So whatever else comes of it has to be decided once more.
 *
 * @returns null where it is not known, or did not go through
 */
async function changeFromMemory<Answer>(
  { database, kept }: Deps,
  dataset: DatasetKey,
  about: About,
  decide: Decide<Answer>,
): Promise<Changed<Answer> | null> {
  const snapshot = about.keys.length > 0 ? kept.recall(dataset, about.keys) : null;
  if (snapshot === null) return null;
  let decision: UpdateDecision<Answer>;
  try {
    decision = decide(snapshot);
  } catch {
    return null;
  }
  const { update, answer } = decision;
  if (update === null) return null;
  let written: Written | null;
  try {
    written = await write(database, dataset, update, snapshot);
  } catch (error) {
    kept.forget(dataset);
    if (error instanceof DatabaseError && error.code === UNIQUE_VIOLATION) return null;
    throw error;
  }
  if (written === null) {
    kept.forget(dataset);
    return null;
  }
  kept.keep(dataset, about.keys, snapshot, update);
  return { answer, outboxId: written.outboxId, subscribed: written.subscribed };
}

/**
 * Two round trips and no lock between them: the write is made only if nothing changed since the snapshot.
 * @returns null where something did, or where the dataset is new, which others of the identity have to know
 */
async function changeFreely<Answer>(
  { database, kept }: Deps,
  dataset: DatasetKey,
  about: About,
  decide: Decide<Answer>,
): Promise<Changed<Answer> | null> {
  const snapshot = await readSnapshot(database, dataset, about);
  const { update, answer } = decide(snapshot);
  if (update === null) return { answer, ...NOTHING_WRITTEN };
  if (!exists(snapshot.dataset)) return null;
  const written = await write(database, dataset, update, snapshot);
  if (written === null) return null;
  await settle({ database, kept }, dataset, about, { snapshot, update, erased: written.erased });
  return { answer, outboxId: written.outboxId, subscribed: written.subscribed };
}

/** The changes of an identity one after the other. */
async function changeInTurn<Answer>(
  { database, kept }: Deps,
  dataset: DatasetKey,
  about: About,
  decide: Decide<Answer>,
): Promise<Changed<Answer>> {
  const { change, ...outcome } = await database.transaction(async (transaction) => {
    const { identityPoolId, identityId } = dataset;
    await transaction.query(LOCK_IDENTITY, [identityRowId(dataset), identityPoolId, identityId]);
    await transaction.query(LOCK_DATASET, [datasetId(dataset)]);
    const snapshot = await readSnapshot(transaction, dataset, about);
    const { update, answer } = decide(snapshot);
    if (update === null) return { change: null, answer, ...NOTHING_WRITTEN };
    const written = await write(transaction, dataset, update, snapshot);
    if (written === null) throw new DatabaseError('the dataset changed in spite of its lock', '40001');
    const { erased, ...outcome } = written;
    return { change: { snapshot, update, erased }, answer, ...outcome };
  });
  if (change) await settle({ database, kept }, dataset, about, change);
  return outcome;
}

interface Change {
  snapshot: Snapshot;
  update: DatasetUpdate;
  /** Records that the deletion of the dataset took with it. */
  erased: number;
}

/** What is left to do when a change is committed. */
async function settle(
  { database, kept }: Deps,
  dataset: DatasetKey,
  { keys }: About,
  { snapshot, update, erased }: Change,
): Promise<void> {
  if (exists(update.dataset)) kept.keep(dataset, keys, snapshot, update);
  else kept.forget(dataset);
  if (erased === ERASE_ROWS) await eraseDeleted(database, dataset, update.dataset.deletedSyncCount);
}

/** What a change of the dataset is decided on. */
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
  ]);
  const [first] = rows;
  return {
    dataset: first ? toDatasetOrNull(first) : null,
    spent: first?.spent ?? false,
    identityDatasets: first?.identity_datasets ?? 0,
    poolExists: first?.pool_exists ?? false,
    records: new Map(
      rows.flatMap((row) =>
        row.record_key === null
          ? []
          : [[row.record_key, { syncCount: row.record_sync_count, valueBytes: row.value_bytes }]],
      ),
    ),
  };
}

interface Written {
  /** Null where the pool does not stream. */
  outboxId: string | null;
  subscribed: boolean;
  erased: number;
}

/** @returns null where the dataset had changed, and nothing was written */
async function write(
  on: Transaction,
  dataset: DatasetKey,
  update: DatasetUpdate,
  snapshot: Snapshot,
): Promise<Written | null> {
  const { rows } = await on.query<WrittenRow>(...toStatement(dataset, update, snapshot));
  const [row] = rows;
  return row ? { outboxId: row.outbox_id, subscribed: row.subscribed, erased: row.erased } : null;
}

function toStatement(
  dataset: DatasetKey,
  { dataset: stored, records, spend, event }: DatasetUpdate,
  { dataset: before }: Snapshot,
): [sql: string, values: SqlValue[]] {
  const values: SqlValue[] = [
    ...toDatasetValues(dataset, stored),
    before?.lastModifiedDate ?? null,
    randomUUID(),
    event.partitionKey,
    event.data,
  ];
  if (spend === null) return [WRITE_DELETION, values];
  values.push(
    spend.session.expiresAt,
    spend.session.sessionId,
    spend.forgetBefore,
    ...toRecordColumns(records),
  );
  if (event.payload === null) return [WRITE_UPDATE, values];
  const { payloadId, body, expiresAt } = event.payload;
  return [WRITE_OFFLOADED_UPDATE, [...values, payloadId, body, expiresAt]];
}
