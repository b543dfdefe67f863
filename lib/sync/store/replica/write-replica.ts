import type { DatasetKey } from '../../../common/dataset-key.ts';
import { plainArray, textArray } from '../../../database/array-literal.ts';
import { chunkRows } from '../../../database/chunk-rows.ts';
import type { SqlValue, Transaction } from '../../../database/database.ts';
import { datasetId, identityIdHash, recordId } from '../../../database/row-ids.ts';
import type { Version } from '../../../stream/stream-event.ts';
import type { Offloading } from '../../build-stream-event.ts';
import type { SyncRecord } from '../../model.ts';
import { partOf } from '../../part-of.ts';
import { exists } from '../../ports/sync-store.ts';
import {
  type NextReplica,
  nextReplica,
  type ReplicaChange,
  type StoredReplica,
  type StoredReplicaRecord,
} from '../../replica.ts';
import { replicaEvents } from '../../replica-events.ts';
import { lockIdentities } from '../lock-identities.ts';
import { PLAIN_WRITES } from '../plain-writes.ts';
import { READ_IDENTITY_DELETED } from '../sync-statements.ts';
import {
  ADD_USAGE,
  ERASE_COVERED,
  ERASE_SOME_ROWS,
  ERASED_ROWS,
  FORGET_REPLICA_COPY,
  LOCK_REPLICA,
  MARK_COPIES,
  READ_ALL_ROWS,
  READ_SIZE,
  READ_SOME_ROWS,
  type ReplicaRecordRow,
  type ReplicaRow,
  type SizeRow,
  WRITE_REPLICA,
  WRITE_ROWS,
} from './replica-statements.ts';

/** What a change of a replica wrote. */
export interface WrittenReplica {
  /** `partial`: apply the change again to write the rest. `deleted`: the identity was deleted here. */
  outcome: 'written' | 'unchanged' | 'partial' | 'deleted';
  /** Number of rows written. */
  records: number;
  /** Number of written records that are too large for an event, and were not published. */
  leftOut: number;
}

const NOTHING = { records: 0, leftOut: 0 };

/**
 * Applies a change to the replica of a dataset. The transaction holds the locks of the identity and of the dataset, so
 * neither a device nor another copy can write at the same time. If the change has more rows or bytes than one
 * transaction should write or erase, only some rows are written or erased.
 *
 * A change may write or erase rows without changing the dataset's version, for example if a listing only adds the
 * author of a row. An update that is decided from the version of its token (`UPDATE_AT_VERSION`) would not notice that.
 * Only the ownership prevents it: the caller must not change an existing dataset of an identity that this service owns,
 * and no update may reach a replica. A takeover raises the counts, so a token from before the takeover holds no current
 * version.
 */
export async function writeReplica(
  on: Transaction,
  change: ReplicaChange,
  offloading: Offloading | null,
): Promise<WrittenReplica> {
  const { dataset: key } = change;
  const id = datasetId(key);
  await lockIdentities(on, key.identityPoolId, [key.identityId]);
  if (await isIdentityDeleted(on, key)) return { outcome: 'deleted', ...NOTHING };
  const locked = (await on.query<ReplicaRow>(LOCK_REPLICA, [id])).rows[0];
  const stored = locked ? toReplica(locked) : null;
  // Erase before writing: the new state may become visible only when no row below its removal is left. The sync store
  // decides by counts which rows exist, and the counts may have started again after the removal.
  if ((await eraseCovered(on, id, change.removal)) > 0) return { outcome: 'partial', ...NOTHING };
  const rows = await readRows(on, id, change);
  const next = nextReplica(stored, rows, change);
  const part = firstPart(stored, next, rows);
  const now = part ?? next;
  if (!now.isChanged && now.records.length + now.erasedKeys.length === 0)
    return { outcome: 'unchanged', ...NOTHING };
  await writeRows(on, id, now);
  if (now.dataset !== stored) await writeDataset(on, key, now, locked);
  const { events, leftOut } = replicaEvents(key, now, offloading);
  if (events.length > 0) await PLAIN_WRITES.putEvents(on, key.identityPoolId, events);
  return {
    outcome: part ? 'partial' : 'written',
    records: now.records.length,
    leftOut,
  };
}

/**
 * Returns the first part of a state that is too large for one transaction; null if one transaction can write it. A part
 * writes at most 4 MiB of rows and events, or one row, and erases at most 4 MiB, or one row. Aurora DSQL allows 10 MiB.
 */
function firstPart(
  stored: StoredReplica | null,
  next: NextReplica,
  rows: ReadonlyMap<string, StoredRow>,
): NextReplica | null {
  const [records = [], ...rest] = chunkRows(next.records, bytesOf);
  if (rest.length > 0) return partOf(stored, next, { records, erasedKeys: [] });
  const [erased = []] = chunkRows(next.erasedKeys, (key) => rows.get(key)?.bytes ?? 0);
  const erasedKeys = erased.slice(0, ERASED_ROWS);
  return erasedKeys.length < next.erasedKeys.length ? partOf(stored, next, { records, erasedKeys }) : null;
}

/** Returns the size of a record in its row and in its event. */
function bytesOf(record: SyncRecord): number {
  const { Key, Value } = record;
  return Buffer.byteLength(Key) + Buffer.byteLength(Value ?? '') + Buffer.byteLength(JSON.stringify(record));
}

/** Marks datasets of the root's identity as copies that a merge made of the dataset `root`. */
export async function markCopies(on: Transaction, root: DatasetKey, names: readonly string[]): Promise<void> {
  const copies = names.map((datasetName) => datasetId({ ...root, datasetName }));
  await on.query(MARK_COPIES, [datasetId(root), plainArray(copies)]);
}

async function isIdentityDeleted(on: Transaction, { identityId }: DatasetKey): Promise<boolean> {
  const values = [identityIdHash(identityId)];
  const { rows } = await on.query<{ identity_deleted: boolean }>(READ_IDENTITY_DELETED, values);
  return rows[0]?.identity_deleted ?? false;
}

async function readRows(
  on: Transaction,
  id: string,
  { listing, records }: ReplicaChange,
): Promise<ReadonlyMap<string, StoredRow>> {
  const statement: [sql: string, values: SqlValue[]] = listing
    ? [READ_ALL_ROWS, [id]]
    : [READ_SOME_ROWS, [id, plainArray(records.map(({ key }) => recordId(key)))]];
  const { rows } = await on.query<ReplicaRecordRow>(...statement);
  return new Map(rows.map((row) => [row.record_key, toReplicaRecord(row)]));
}

/** Erases some rows at or below the version of a removal. @returns the number of rows; 0 if none is left */
async function eraseCovered(on: Transaction, id: string, removal: Version | null): Promise<number> {
  if (removal === null) return 0;
  const values = [id, removal.lastModifiedDate, removal.syncCount];
  return (await on.query(ERASE_COVERED, values)).rowsChanged;
}

/** Writes the records of a dataset whose lock the transaction holds, and erases the rows with the keys `erasedKeys`. */
export async function writeRows(
  on: Transaction,
  id: string,
  { records, erasedKeys }: Pick<NextReplica, 'records' | 'erasedKeys'>,
): Promise<void> {
  if (records.length > 0) {
    const sorted = records
      .map((record) => ({ id: recordId(record.Key), record }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    await on.query(WRITE_ROWS, [
      id,
      plainArray(sorted.map((row) => row.id)),
      textArray(sorted.map(({ record }) => record.Key)),
      textArray(sorted.map(({ record }) => record.Value)),
      plainArray(sorted.map(({ record }) => record.DeviceLastModifiedDate)),
      plainArray(sorted.map(({ record }) => record.SyncCount)),
      plainArray(sorted.map(({ record }) => record.LastModifiedDate)),
      textArray(sorted.map(({ record }) => record.LastModifiedBy)),
    ]);
  }
  if (erasedKeys.length > 0) await on.query(ERASE_SOME_ROWS, [id, plainArray(erasedKeys.map(recordId))]);
}

/** Writes a dataset whose lock the transaction holds, with its size and the usage of its pool. */
export async function writeDataset(
  on: Transaction,
  key: DatasetKey,
  { dataset }: Pick<NextReplica, 'dataset'>,
  locked: ReplicaRow | undefined,
): Promise<void> {
  const id = datasetId(key);
  const { rows } = await on.query<SizeRow>(READ_SIZE, [id, dataset.deletedSyncCount]);
  const [counted] = rows;
  const size = exists(dataset) && counted ? counted : EMPTY_ROW;
  const bytesBefore = locked && locked.sync_count > locked.deleted_sync_count ? locked.data_storage : 0;
  await on.query(WRITE_REPLICA, [
    id,
    key.identityPoolId,
    key.identityId,
    key.datasetName,
    dataset.syncCount,
    dataset.deletedSyncCount,
    dataset.creationDate,
    dataset.lastModifiedDate,
    dataset.lastModifiedBy,
    dataset.removedDate,
    size.data_storage,
    size.record_count,
    size.row_count,
    size.key_bytes,
  ]);
  const added = size.data_storage - bytesBefore;
  await on.query(ADD_USAGE, [key.identityPoolId, id, added, dataset.lastModifiedDate]);
  if (!exists(dataset)) await on.query(FORGET_REPLICA_COPY, [id]);
}

const EMPTY_ROW: SizeRow = { record_count: 0, data_storage: 0, row_count: 0, key_bytes: 0 };

function toReplica(row: ReplicaRow): StoredReplica {
  return {
    syncCount: row.sync_count,
    deletedSyncCount: row.deleted_sync_count,
    creationDate: row.creation_ms,
    lastModifiedDate: row.last_modified_ms,
    lastModifiedBy: row.last_modified_by,
    removedDate: row.removed_ms,
  };
}

interface StoredRow extends StoredReplicaRecord {
  bytes: number;
}

function toReplicaRecord(row: ReplicaRecordRow): StoredRow {
  return {
    version: { lastModifiedDate: row.last_modified_ms, syncCount: row.sync_count },
    lastModifiedBy: row.last_modified_by,
    deviceLastModifiedDate: row.device_last_modified_ms,
    isLive: row.is_live,
    bytes: row.row_bytes,
  };
}
