import type { ListedUpdates, MobileRemote, PushedPatch, RemoteRecord } from './mobile-remote.ts';
import { MobileError, type Platform } from './mobile-requests.ts';

export interface LocalRecord {
  /** Null where it was removed. */
  value: string | null;
  syncCount: number;
  isModified: boolean;
}

/** What a device keeps of a dataset. A count of -1 stands for one that was deleted here. */
export interface LocalDataset {
  records: Map<string, LocalRecord>;
  lastSyncCount: number;
}

export interface Conflict {
  key: string;
  local: LocalRecord;
  remote: RemoteRecord;
}

/** What an app decides during a sync. What is not given is not to happen: the sync fails. */
export interface SyncHandlers {
  onConflict?: (conflict: Conflict) => 'local' | 'remote';
  onDatasetDeleted?: () => boolean;
  /** @param names of the copies, each a dataset of its own */
  onDatasetsMerged?: (names: string[]) => Promise<boolean>;
  /** Between the listing and the push: what another device may do just then. */
  onceListed?: () => Promise<unknown>;
}

export type SyncOutcome = { success: true } | { success: false; reason: string };

const AGAIN = Symbol('again');
const SUCCESS: SyncOutcome = { success: true };
const failure = (reason: string): SyncOutcome => ({ success: false, reason });

const ATTEMPTS: Record<Platform, number> = { android: 4, ios: 5 };

interface Synchronization {
  platform: Platform;
  name: string;
  local: LocalDataset;
  remote: MobileRemote;
  handlers: SyncHandlers;
  /** Names of local datasets that a login left behind for this one. */
  localMerges: () => string[];
}

/** `synchronize` of the mobile SDKs, by their own rules: what is here is what such a client makes of the answers. */
export async function synchronize(sync: Synchronization): Promise<SyncOutcome> {
  let token: string | undefined;
  for (let attempt = 1; attempt <= ATTEMPTS[sync.platform]; attempt += 1) {
    const local = await offerLocalMerges(sync);
    if (local !== SUCCESS) {
      if (local === AGAIN) continue;
      return local;
    }
    if (sync.local.lastSyncCount === -1) return pushDeletion(sync);
    const updates = await sync.remote.listUpdates(sync.name, sync.local.lastSyncCount, token);
    const pulled = await pull(sync, updates);
    if (pulled === AGAIN) continue;
    if (pulled !== SUCCESS || sync.local.records.size === 0) return pulled;
    await sync.handlers.onceListed?.();
    if (await push(sync, updates)) return SUCCESS;
    // iOS lists again with the token of the push that failed; Android asks for another one.
    token = sync.platform === 'ios' ? updates.syncSessionToken : undefined;
  }
  return failure('exceeded maximum retry count');
}

async function offerLocalMerges({
  platform,
  localMerges,
  handlers,
}: Synchronization): Promise<SyncOutcome | typeof AGAIN> {
  const names = localMerges();
  if (names.length === 0) return SUCCESS;
  const goOn = (await handlers.onDatasetsMerged?.(names)) ?? false;
  // iOS only tells, and goes on.
  if (platform === 'ios') return SUCCESS;
  return goOn ? AGAIN : failure('merges were not handled');
}

/** What was deleted here is deleted there; that it is not there is as well. */
async function pushDeletion({ name, local, remote }: Synchronization): Promise<SyncOutcome> {
  try {
    await remote.deleteDataset(name);
  } catch (error) {
    if (!(error instanceof MobileError) || error.code !== 'ResourceNotFoundException') throw error;
  }
  purge(local);
  return SUCCESS;
}

async function pull(sync: Synchronization, updates: ListedUpdates): Promise<SyncOutcome | typeof AGAIN> {
  const { platform, local, handlers } = sync;
  if (updates.mergedDatasetNames.length > 0) {
    const goOn = (await handlers.onDatasetsMerged?.(updates.mergedDatasetNames)) ?? false;
    if (platform === 'android') return goOn ? AGAIN : failure('merges were not handled');
  }
  const isGone = (local.lastSyncCount !== 0 && !updates.exists) || updates.deleted;
  if (isGone) {
    if (handlers.onDatasetDeleted?.()) {
      purge(local);
      return SUCCESS;
    }
    if (platform === 'android') return failure('the deletion was not handled');
    startAnew(local);
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

/** iOS keeps what it has, and pushes it all as if it were new. */
function startAnew(local: LocalDataset): void {
  local.lastSyncCount = 0;
  for (const record of local.records.values()) {
    record.syncCount = 0;
    record.isModified = true;
  }
}

/** Takes all in but what the app wants to stay as it is here. */
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
    const kept = isConflict ? handlers.onConflict?.({ key: remote.key, local: own, remote }) : 'remote';
    if (kept === undefined) return false;
    if (own && kept === 'local') own.syncCount = remote.syncCount;
    else local.records.set(remote.key, takenFrom(remote));
  }
  return true;
}

function takenFrom({ value, syncCount }: RemoteRecord): LocalRecord {
  return { value, syncCount, isModified: false };
}

/** @returns whether it is done; else the device's counts are lowered, and the next listing shows what it has missed */
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
    for (const record of pushed) local.records.set(record.key, takenFrom(record));
    advance(platform, local, updates.datasetSyncCount, pushed);
    return true;
  } catch (error) {
    if (!(error instanceof MobileError) || error.code !== 'ResourceConflictException') throw error;
    const highest = Math.max(...patches.map(({ syncCount }) => syncCount));
    local.lastSyncCount = Math.min(local.lastSyncCount, highest);
    return false;
  }
}

/** The device has it all only where nobody else wrote since it listed. */
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
