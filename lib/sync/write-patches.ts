import type { Caller } from '../common/caller.ts';
import type { DatasetKey } from '../common/dataset-key.ts';
import { applyPatches, toRecords } from './apply-patches.ts';
import { identityDeleted, nameOf } from './authorize.ts';
import { recordsEvent } from './build-stream-event.ts';
import type { SyncDependencies } from './dependencies.ts';
import { poolNotFound } from './errors.ts';
import type { Limits } from './limits.ts';
import type { SyncRecord } from './model.ts';
import { EMPTY, nextVersion } from './next-dataset.ts';
import {
  type DatasetVersion,
  exists,
  type ListedDataset,
  type RowCounts,
  type SyncSession,
  type UpdateDecision,
} from './ports/sync-store.ts';
import type { Patch } from './read-patches.ts';
import { type FillingDataset, startsFilling } from './row-limits.ts';
import { type ListedVersion, notValidToken } from './session-token.ts';

/**
 * The service remembers a used session until this long after its expiry. A host whose clock is behind would otherwise
 * accept the token of that session again.
 */
const CLOCK_SKEW_MS = 60 * 60 * 1000;

type PatchDependencies = Pick<SyncDependencies, 'store' | 'now' | 'limits' | 'payloadLinks'>;

/** The patches of one call. */
export interface PatchCall {
  key: DatasetKey;
  caller: Caller;
  session: SyncSession;
  patches: readonly Patch[];
}

/** The result of applying the patches. */
interface Applied {
  records: SyncRecord[];
  /** The dataset's new count. */
  syncCount: number;
  /**
   * The dataset's row counts and their limits if the dataset reaches 80 % of one of these limits with this change;
   * otherwise null.
   */
  filling: Omit<FillingDataset, keyof DatasetKey> | null;
}

export interface WrittenPatches extends Applied {
  outboxId: string | null;
  subscribed: boolean;
}

const NOTHING: Applied = { records: [], syncCount: 0, filling: null };
export const NOTHING_WRITTEN: WrittenPatches = { ...NOTHING, outboxId: null, subscribed: false };

/**
 * Writes patches to a dataset in any state. Takes one round trip if the dataset still has the version that the token
 * holds and nothing speaks against the patches.
 *
 * @param version the version of the dataset when the device listed it
 * @throws {ServiceError} the errors of UpdateRecords
 */
export async function writePatches(
  deps: PatchDependencies,
  call: PatchCall,
  version: ListedVersion,
): Promise<WrittenPatches> {
  const isEmpty = call.patches.length === 0;
  const written =
    version && !isEmpty ? await writeUnread(deps, call, { version, allowsTrigger: true }) : null;
  return written ?? writeRead(deps, call, { isNew: version === null && !isEmpty });
}

/**
 * Writes patches to a dataset in any state, after reading the dataset.
 * @throws {ServiceError} the errors of UpdateRecords
 */
export async function writeRead(
  deps: PatchDependencies,
  call: PatchCall,
  { isNew }: { isNew: boolean },
): Promise<WrittenPatches> {
  return (await readAndWrite(deps, call, { isNew, accepts: () => true })) ?? NOTHING_WRITTEN;
}

/**
 * Writes patches to a dataset that is still in a given state.
 *
 * @param dataset the state; null if the dataset never existed
 * @returns null if the dataset has changed; then nothing is written
 * @throws {ServiceError} the errors of UpdateRecords
 */
export async function writePatchesAt(
  deps: PatchDependencies,
  call: PatchCall,
  dataset: ListedDataset | null,
): Promise<WrittenPatches | null> {
  const written = exists(dataset)
    ? await writeUnread(deps, call, { version: dataset, allowsTrigger: true })
    : null;
  if (written) return written;
  return readAndWrite(deps, call, {
    isNew: !exists(dataset),
    accepts: (current) =>
      current?.syncCount === dataset?.syncCount && current?.lastModifiedDate === dataset?.lastModifiedDate,
  });
}

/**
 * Writes patches without reading the dataset.
 *
 * @param options the version of the dataset, and whether the pool may have a sync trigger
 * @returns null if nothing was written; then the dataset, and perhaps the pool, must be read to decide
 */
export async function writeUnread(
  { store, now, limits, payloadLinks }: PatchDependencies,
  { key, caller, session, patches }: PatchCall,
  { version, allowsTrigger }: { version: DatasetVersion; allowsTrigger: boolean },
): Promise<WrittenPatches | null> {
  const at = now();
  const next = { ...nextVersion(version, at), lastModifiedBy: nameOf(caller) };
  const records = toRecords(patches, next);
  const written = await store.updateAt(key, {
    version,
    next,
    records,
    patchCounts: patches.map((patch) => patch.syncCount),
    limits,
    allowsTrigger,
    spend: spend(session, at),
    event: recordsEvent(key, next, records, { links: payloadLinks, inlineBytes: limits.inlineBytes }),
  });
  if (written === null) return null;
  const { before, after, outboxId, subscribed } = written;
  return { ...toApplied(records, next, { before, after, limits }), outboxId, subscribed };
}

/**
 * Reads the dataset, decides, and writes.
 * @returns null if the dataset has a version that `accepts` rejects
 */
async function readAndWrite(
  { store, now, limits, payloadLinks }: PatchDependencies,
  { key, caller, session, patches }: PatchCall,
  { isNew, accepts }: { isNew: boolean; accepts: (current: DatasetVersion | null) => boolean },
): Promise<WrittenPatches | null> {
  const about = { keys: patches.map((patch) => patch.key), session, isNew };
  const offloading = { links: payloadLinks, inlineBytes: limits.inlineBytes };
  const { answer, outboxId, subscribed } = await store.change(
    key,
    about,
    (snapshot): UpdateDecision<Applied | null> => {
      if (snapshot.identityDeleted) throw identityDeleted(caller, key);
      if (snapshot.spent) throw notValidToken();
      if (patches.length === 0) return { update: null, answer: NOTHING };
      if (!snapshot.poolExists) throw poolNotFound(key.identityPoolId);
      if (!accepts(snapshot.dataset)) return { update: null, answer: null };
      const at = now();
      const change = { datasetName: key.datasetName, modifiedBy: nameOf(caller), now: at, limits };
      const { dataset, records, written } = applyPatches(snapshot, patches, change);
      const before = exists(snapshot.dataset) ? snapshot.dataset : EMPTY;
      return {
        update: {
          dataset,
          records: written,
          spend: spend(session, at),
          event: recordsEvent(key, dataset, written, offloading),
        },
        answer: toApplied(records, dataset, { before, after: dataset, limits }),
      };
    },
  );
  return answer && { ...answer, outboxId, subscribed };
}

function spend(session: SyncSession, at: number) {
  return { session, forgetBefore: at - CLOCK_SKEW_MS };
}

function toApplied(
  records: SyncRecord[],
  { syncCount }: DatasetVersion,
  { before, after, limits }: { before: RowCounts; after: RowCounts; limits: Limits },
): Applied {
  const { rowsPerDataset, keyBytesPerDataset } = limits;
  const { rowCount, keyBytes } = after;
  const filling = startsFilling(before, after, limits)
    ? { rowCount, keyBytes, rowsPerDataset, keyBytesPerDataset }
    : null;
  return { records, syncCount, filling };
}
