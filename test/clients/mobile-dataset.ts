import type { ListedUpdates, MobileRemote, PushedPatch, RemoteRecord } from './mobile-remote.ts';
import { MobileError, type Platform } from './mobile-requests.ts';

export interface LocalRecord {
  /** Null if the record is removed. */
  value: string | null;
  syncCount: number;
  isModified: boolean;
}

/** The local state of a dataset. A `lastSyncCount` of -1 means that the dataset was deleted on this device. */
export interface LocalDataset {
  records: Map<string, LocalRecord>;
  lastSyncCount: number;
}

export interface Conflict {
  key: string;
  local: LocalRecord;
  remote: RemoteRecord;
}

/**
 * Decisions of the app during a sync. If a handler that the sync needs is missing, the sync fails on Android. On iOS,
 * it fails only if `onConflict` is missing.
 */
export interface SyncHandlers {
  onConflict?: (conflict: Conflict) => 'local' | 'remote';
  onDatasetDeleted?: () => boolean;
  /** @param names the names of the copies, each a separate dataset */
  onDatasetsMerged?: (names: string[]) => Promise<boolean>;
  /** Runs between the listing and the push, to simulate another device. */
  onceListed?: () => Promise<unknown>;
}

export type SyncOutcome = { success: true } | { success: false; reason: string };

const RETRY = Symbol('retry');
const SUCCESS: SyncOutcome = { success: true };
const failure = (reason: string): SyncOutcome => ({ success: false, reason });

const ATTEMPTS: Record<Platform, number> = { android: 4, ios: 5 };

interface Synchronization {
  platform: Platform;
  name: string;
  local: LocalDataset;
  remote: MobileRemote;
  handlers: SyncHandlers;
  /** Names of the local copies of this dataset that remain after the user's identity changed. */
  localMerges: () => string[];
}

/** Imitates `synchronize` of the mobile SDKs, with the decisions that they take on each response. */
export async function synchronize(sync: Synchronization): Promise<SyncOutcome> {
  let token: string | undefined;
  for (let attempt = 1; attempt <= ATTEMPTS[sync.platform]; attempt += 1) {
    const local = await offerLocalMerges(sync);
    if (local !== SUCCESS) {
      if (local === RETRY) continue;
      return local;
    }
    if (sync.local.lastSyncCount === -1) return pushDeletion(sync);
    const updates = await sync.remote.listUpdates(sync.name, sync.local.lastSyncCount, token);
    const pulled = await pull(sync, updates);
    if (pulled === RETRY) continue;
    if (pulled !== SUCCESS || sync.local.records.size === 0) return pulled;
    await sync.handlers.onceListed?.();
    if (await push(sync, updates)) return SUCCESS;
    // iOS lists again with the token of the failed push; Android requests a new token.
    token = sync.platform === 'ios' ? updates.syncSessionToken : undefined;
  }
  return failure('exceeded maximum retry count');
}

async function offerLocalMerges({
  platform,
  localMerges,
  handlers,
}: Synchronization): Promise<SyncOutcome | typeof RETRY> {
  const names = localMerges();
  if (names.length === 0) return SUCCESS;
  const isHandled = (await handlers.onDatasetsMerged?.(names)) ?? false;
  // iOS only notifies the app and continues.
  if (platform === 'ios') return SUCCESS;
  return isHandled ? RETRY : failure('merges were not handled');
}

/** Deletes the dataset in the service. A dataset that does not exist counts as deleted. */
async function pushDeletion({ name, local, remote }: Synchronization): Promise<SyncOutcome> {
  try {
    await remote.deleteDataset(name);
  } catch (error) {
    if (!(error instanceof MobileError) || error.code !== 'ResourceNotFoundException') throw error;
  }
  purge(local);
  return SUCCESS;
}

async function pull(sync: Synchronization, updates: ListedUpdates): Promise<SyncOutcome | typeof RETRY> {
  const { platform, local, handlers } = sync;
  if (updates.mergedDatasetNames.length > 0) {
    const isHandled = (await handlers.onDatasetsMerged?.(updates.mergedDatasetNames)) ?? false;
    if (platform === 'android') return isHandled ? RETRY : failure('merges were not handled');
  }
  const isGone = (local.lastSyncCount !== 0 && !updates.exists) || updates.deleted;
  if (isGone) {
    if (handlers.onDatasetDeleted?.()) {
      purge(local);
      return SUCCESS;
    }
    if (platform === 'android') return failure('the deletion was not handled');
    markAllNew(local);
  }
  if (updates.records.length === 0) return SUCCESS;
  if (!resolveConflicts(sync, updates.records)) return failure('a conflict was not handled');
  local.lastSyncCount = updates.datasetSyncCount;
  return SUCCESS;
}

function purge(local: LocalDataset): void {
  local.records.clear();
  local.lastSyncCount = 0;
}

/** iOS keeps the local records and pushes all of them as new. */
function markAllNew(local: LocalDataset): void {
  local.lastSyncCount = 0;
  for (const record of local.records.values()) {
    record.syncCount = 0;
    record.isModified = true;
  }
}

/** Stores the remote records locally, except those that the app resolves in favor of the local record. */
function resolveConflicts(
  { platform, local, handlers }: Synchronization,
  remotes: readonly RemoteRecord[],
): boolean {
  for (const remote of remotes) {
    const own = local.records.get(remote.key);
    const isConflict =
      own?.isModified &&
      own.value !== remote.value &&
      (platform === 'ios' || own.syncCount !== remote.syncCount);
    const winner = isConflict ? handlers.onConflict?.({ key: remote.key, local: own, remote }) : 'remote';
    if (winner === undefined) return false;
    if (own && winner === 'local') own.syncCount = remote.syncCount;
    else local.records.set(remote.key, toLocal(remote));
  }
  return true;
}

function toLocal({ value, syncCount }: RemoteRecord): LocalRecord {
  return { value, syncCount, isModified: false };
}

/**
 * Pushes the changed records. After a conflict, lowers the sync count that the device has stored for the dataset, so
 * that the next listing returns the records that this device has missed.
 * @returns false after a conflict
 */
async function push(
  { platform, name, local, remote }: Synchronization,
  updates: ListedUpdates,
): Promise<boolean> {
  const patches = [...local.records]
    .filter(([, { isModified }]) => isModified)
    .map(([key, { value, syncCount }]): PushedPatch => ({ key, value, syncCount }));
  if (patches.length === 0) return true;
  try {
    const pushed = await remote.updateRecords(name, patches, updates.syncSessionToken);
    for (const record of pushed) local.records.set(record.key, toLocal(record));
    advance(platform, local, updates.datasetSyncCount, pushed);
    return true;
  } catch (error) {
    if (!(error instanceof MobileError) || error.code !== 'ResourceConflictException') throw error;
    const highest = Math.max(...patches.map(({ syncCount }) => syncCount));
    local.lastSyncCount = Math.min(local.lastSyncCount, highest);
    return false;
  }
}

/**
 * Raises the sync count that the device has stored for the dataset, but only if no other device wrote since the
 * listing. Otherwise the next listing would not return the records of the other device.
 */
function advance(
  platform: Platform,
  local: LocalDataset,
  listedCount: number,
  pushed: readonly RemoteRecord[],
): void {
  const highest = Math.max(0, ...pushed.map(({ syncCount }) => syncCount));
  const isNext = platform === 'android' ? highest === listedCount + 1 : highest <= listedCount + 1;
  if (isNext) local.lastSyncCount = listedCount + 1;
}
