import type { Caller } from '../common/caller.ts';
import type { DatasetKey } from '../common/dataset-key.ts';
import { applyPatches } from './apply-patches.ts';
import { nameOf } from './authorize.ts';
import { recordsEvent } from './build-stream-event.ts';
import type { SyncDependencies } from './dependencies.ts';
import type { Limits } from './limits.ts';
import type { SyncRecord } from './model.ts';
import { EMPTY } from './next-dataset.ts';
import {
  type Creation,
  type DatasetVersion,
  exists,
  type RowCounts,
  type Snapshot,
  type SyncSession,
} from './ports/sync-store.ts';
import type { Patch } from './read-patches.ts';
import { type FillingDataset, startsFilling } from './row-limits.ts';

export type PatchDependencies = Pick<SyncDependencies, 'store' | 'now' | 'limits' | 'payloadLinks'>;

/** The patches of one call. */
export interface PatchCall {
  key: DatasetKey;
  caller: Caller;
  session: SyncSession;
  patches: readonly Patch[];
}

/** The result of applying the patches. */
export interface PatchResult {
  records: SyncRecord[];
  /** The dataset's new count. */
  syncCount: number;
  /**
   * The dataset's row counts and their limits if the dataset reaches 80 % of one of these limits with this change;
   * otherwise null.
   */
  filling: Omit<FillingDataset, keyof DatasetKey> | null;
}

export interface PatchDecision {
  update: Creation;
  answer: PatchResult;
}

/**
 * Decides what the patches of a call write to a dataset in a given state.
 * @throws {ServiceError} the errors of `applyPatches`
 */
export function decidePatches(
  { now, limits, payloadLinks }: PatchDependencies,
  { key, caller, session, patches }: PatchCall,
  snapshot: Snapshot,
): PatchDecision {
  const change = { datasetName: key.datasetName, modifiedBy: nameOf(caller), now: now(), limits };
  const { dataset, records, written } = applyPatches(snapshot, patches, change);
  const before = exists(snapshot.dataset) ? snapshot.dataset : EMPTY;
  const offloading = { links: payloadLinks, inlineBytes: limits.inlineBytes };
  return {
    update: {
      dataset,
      records: written,
      spend: session,
      event: recordsEvent(key, dataset, written, offloading),
    },
    answer: toResult(records, dataset, { before, after: dataset, limits }),
  };
}

export function toResult(
  records: SyncRecord[],
  { syncCount }: DatasetVersion,
  { before, after, limits }: { before: RowCounts; after: RowCounts; limits: Limits },
): PatchResult {
  const { rowsPerDataset, keyBytesPerDataset } = limits;
  const { rowCount, keyBytes } = after;
  const filling = startsFilling(before, after, limits)
    ? { rowCount, keyBytes, rowsPerDataset, keyBytesPerDataset }
    : null;
  return { records, syncCount, filling };
}
