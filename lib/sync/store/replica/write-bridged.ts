import type { DatasetKey } from '../../../common/dataset-key.ts';
import type { Transaction } from '../../../database/database.ts';
import { datasetId } from '../../../database/row-ids.ts';
import { deletionEvent, type Offloading, recordsEvent } from '../../build-stream-event.ts';
import { splitRecords } from '../../jobs/split-records.ts';
import type { SyncRecord } from '../../model.ts';
import type { StoredReplica } from '../../replica.ts';
import { lockIdentities } from '../lock-identities.ts';
import { PLAIN_WRITES } from '../plain-writes.ts';
import {
  IS_SUBSCRIBED,
  LOCK_REPLICA,
  READ_VALUES,
  type ReplicaRow,
  type ReplicaValueRow,
} from './replica-statements.ts';
import { writeDataset, writeRows } from './write-replica.ts';

/** A dataset that the transaction has locked, with all its rows. */
export interface LockedDataset {
  key: DatasetKey;
  /** Null if the dataset never existed. */
  row: ReplicaRow | null;
  rows: readonly Pick<
    ReplicaValueRow,
    'record_key' | 'record_value' | 'sync_count' | 'last_modified_ms' | 'device_last_modified_ms'
  >[];
}

/** What the bridge writes here. */
export interface BridgedChange {
  records: readonly { key: string; value: string | null; deviceMs: number | null }[];
  /** Whether the dataset is deleted. */
  isDeletion: boolean;
  /** By how much the dataset's count is raised before the change. */
  jump: number;
}

/** Locks a dataset, so that neither a device nor another process can write at the same time, and reads it. */
export async function lockBridged(on: Transaction, key: DatasetKey): Promise<LockedDataset> {
  const id = datasetId(key);
  await lockIdentities(on, key.identityPoolId, [key.identityId]);
  const row = (await on.query<ReplicaRow>(LOCK_REPLICA, [id])).rows[0] ?? null;
  if (row === null) return { key, row, rows: [] };
  const { rows } = await on.query<ReplicaValueRow>(READ_VALUES, [id, row.deleted_sync_count]);
  return { key, row, rows };
}

/**
 * Writes changes from another service as one change of a device: all records get the same new count. Limits do not
 * apply, and the write does not mark the dataset for the bridge. If the change is a deletion, the caller erases the
 * rows after the commit.
 *
 * @param at the date of the change, epoch milliseconds
 * @returns the dataset's count, the ids of the events, and whether a device subscribes to the dataset
 */
export async function writeBridged(
  on: Transaction,
  { key, row }: LockedDataset,
  { records, isDeletion, jump }: BridgedChange,
  { at, offloading }: { at: number; offloading: Offloading },
): Promise<{ syncCount: number; outboxIds: string[]; subscribed: boolean }> {
  const isChange = records.length > 0 || isDeletion;
  const before = { syncCount: row?.sync_count ?? 0, deleted: row?.deleted_sync_count ?? 0 };
  if (!isChange && (row === null || jump === 0))
    return { syncCount: before.syncCount, outboxIds: [], subscribed: false };
  const existed = before.syncCount > before.deleted;
  const syncCount = before.syncCount + jump + (isChange ? 1 : 0);
  // The count of a deletion that was made at the origin is not raised: devices that know of this deletion have higher
  // counts of the origin.
  const isOrigins = row?.removed_ms != null && isChange;
  const keptDeletion = existed || row === null || isOrigins ? before.deleted : before.deleted + jump;
  const lastModified = row?.last_modified_ms ?? 0;
  const dataset: StoredReplica = {
    syncCount,
    deletedSyncCount: isDeletion ? syncCount : keptDeletion,
    creationDate: existed && row ? row.creation_ms : at,
    lastModifiedDate: isChange ? Math.max(at, lastModified + 1) : lastModified,
    lastModifiedBy: isChange ? key.identityId : (row?.last_modified_by ?? key.identityId),
    removedDate: isDeletion ? null : (row?.removed_ms ?? null),
  };
  const written = records.map((record) => toSyncRecord(record, dataset));
  await writeRows(on, datasetId(key), { records: written, erasedKeys: [] });
  await writeDataset(on, key, { dataset }, row ?? undefined);
  if (!isChange) return { syncCount, outboxIds: [], subscribed: false };
  const events = isDeletion
    ? [deletionEvent(key, dataset)]
    : splitRecords(written).map((group) => recordsEvent(key, dataset, group, offloading));
  const outboxIds = await PLAIN_WRITES.putEvents(on, key.identityPoolId, events);
  const { rows } = await on.query<{ subscribed: boolean }>(IS_SUBSCRIBED, [datasetId(key)]);
  return { syncCount, outboxIds, subscribed: !isDeletion && (rows[0]?.subscribed ?? false) };
}

function toSyncRecord(
  { key, value, deviceMs }: BridgedChange['records'][number],
  { syncCount, lastModifiedDate, lastModifiedBy }: StoredReplica,
): SyncRecord {
  return {
    Key: key,
    Value: value,
    SyncCount: syncCount,
    LastModifiedDate: lastModifiedDate,
    LastModifiedBy: lastModifiedBy,
    DeviceLastModifiedDate: deviceMs,
  };
}
