import { ServiceError } from '../common/errors.ts';
import { toRecords } from './apply-patches.ts';
import { nameOf } from './authorize.ts';
import { recordsEvent } from './build-stream-event.ts';
import {
  decidePatches,
  type PatchCall,
  type PatchDecision,
  type PatchDependencies,
  type PatchResult,
  toResult,
} from './decide-patches.ts';
import { nextVersion } from './next-dataset.ts';
import type { DatasetVersion, Snapshot, WrittenChange } from './ports/sync-store.ts';

export interface WrittenPatches extends PatchResult, WrittenChange {}

/**
 * Writes patches without reading the dataset.
 *
 * @param options `version`: that of the dataset; null if the dataset has probably never existed. `allowsTrigger`:
 *   whether the pool may have a sync trigger
 * @returns null if nothing was written; then the dataset, and perhaps the pool, must be read to decide
 */
export function writeUnread(
  deps: PatchDependencies,
  call: PatchCall,
  { version, allowsTrigger }: { version: DatasetVersion | null; allowsTrigger: boolean },
): Promise<WrittenPatches | null> {
  return version ? updateAt(deps, call, { version, allowsTrigger }) : create(deps, call, allowsTrigger);
}

async function updateAt(
  { store, now, limits, payloadLinks }: PatchDependencies,
  { key, caller, session, patches }: PatchCall,
  { version, allowsTrigger }: { version: DatasetVersion; allowsTrigger: boolean },
): Promise<WrittenPatches | null> {
  const next = { ...nextVersion(version, now()), lastModifiedBy: nameOf(caller) };
  const records = toRecords(patches, next);
  const written = await store.updateAt(key, {
    version,
    next,
    records,
    patchCounts: patches.map((patch) => patch.syncCount),
    limits,
    allowsTrigger,
    spend: session,
    event: recordsEvent(key, next, records, { links: payloadLinks, inlineBytes: limits.inlineBytes }),
  });
  if (written === null) return null;
  const { before, after, outboxId, subscribed } = written;
  return { ...toResult(records, next, { before, after, limits }), outboxId, subscribed };
}

/** The state that a creation assumes. */
const NEVER_EXISTED: Snapshot = {
  dataset: null,
  spent: false,
  identityDatasets: 0,
  poolExists: true,
  identityDeleted: false,
  records: new Map(),
};

async function create(
  deps: PatchDependencies,
  call: PatchCall,
  allowsTrigger: boolean,
): Promise<WrittenPatches | null> {
  const decision = decideCreation(deps, call);
  if (decision === null) return null;
  const conditions = { maxDatasets: deps.limits.datasetsPerIdentity, allowsTrigger };
  const written = await deps.store.create(call.key, decision.update, conditions);
  return written && { ...decision.answer, ...written };
}

/** @returns null if the patches would be rejected; whether they really are must be decided from the stored state */
function decideCreation(deps: PatchDependencies, call: PatchCall): PatchDecision | null {
  try {
    return decidePatches(deps, call, NEVER_EXISTED);
  } catch (error) {
    if (error instanceof ServiceError) return null;
    throw error;
  }
}
