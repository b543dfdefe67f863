import type { Merge } from '../../lib/sync/ports/merge-store.ts';
import { changeToExist, datasetAt, datasetsOf, remove } from './model-datasets.ts';
import { live, type ModelDataset, type ModelState, nameOf } from './model-state.ts';
import { putEvent, recordsEvent } from './model-stream.ts';

/**
 * Minimum time for which a merge stays pending, so that late writes to the merged identity are merged too. The
 * credentials of that identity are valid for an hour, and clocks differ by less than another hour.
 */
const MIN_PENDING_MS = 2 * 60 * 60 * 1000;
const MAX_OWN_NAME_LENGTH = 128;

/**
 * Merges the datasets of an identity into another identity. Limits do not apply.
 * @returns the changed datasets
 */
export function mergeDatasets(state: ModelState, { from, into }: Merge, now: number): ModelDataset[] {
  const { identityPoolId: pool, identityId } = from;
  return datasetsOf(state, pool, identityId).flatMap((original) => {
    const records = live(original);
    const copy = records.length === 0 ? [] : [copyTo(into, state, original, now)];
    remove(state, original, into, now);
    return [...copy, original];
  });
}

function copyTo(into: string, state: ModelState, original: ModelDataset, now: number): ModelDataset {
  const { pool, identity, name } = original;
  const keepsName = original.copyOf !== null || name.length > MAX_OWN_NAME_LENGTH;
  const copy = datasetAt(state, { pool, identity: into, name: keepsName ? name : `${name}.${identity}` });
  changeToExist(copy, into, now);
  copy.copyOf = original.copyOf ?? (keepsName ? name.slice(0, name.lastIndexOf('.')) : name);
  const written = live(original).map((record) => ({
    ...record,
    SyncCount: copy.count,
    LastModifiedDate: copy.modified,
    LastModifiedBy: into,
  }));
  for (const record of written) copy.records.set(record.Key, record);
  putEvent(state, pool, recordsEvent(copy, written));
  return copy;
}

/** Links an identity to its survivor, once. @returns null if it is already merged or would be its own survivor */
export function link(
  { merges }: ModelState,
  { pool, from, into }: { pool: string; from: string; into: string },
  now: number,
): Merge | null {
  const own = nameOf(pool, from);
  if (merges.has(own)) return null;
  let survivor = into;
  for (let next = merges.get(nameOf(pool, into)); next; next = merges.get(nameOf(pool, next.into))) {
    survivor = next.into;
  }
  if (survivor === from) return null;
  const merge = { from: { identityPoolId: pool, identityId: from }, into: survivor, mergedAt: now };
  merges.set(own, merge);
  return merge;
}

/**
 * Merges the remaining datasets of each merge, and ends the merges that are complete.
 * @param visited the pending merges, in the order in which the service continued them
 * @returns the changed datasets, and the number of merges that ended
 */
export function finishMerges(
  state: ModelState,
  visited: readonly Merge[],
  now: number,
): { changed: ModelDataset[]; ended: number } {
  const before = state.merges.size;
  const changed = visited.flatMap((merge) => {
    const merged = mergeDatasets(state, merge, now);
    if (isComplete(state, merge, now)) state.merges.delete(nameOfMerged(merge));
    return merged;
  });
  return { changed, ended: before - state.merges.size };
}

function isComplete(state: ModelState, { from, mergedAt }: Merge, now: number): boolean {
  const { identityPoolId, identityId } = from;
  const into = [...state.merges.values()].filter(
    (other) => other.from.identityPoolId === identityPoolId && other.into === identityId,
  );
  const left = datasetsOf(state, identityPoolId, identityId);
  return now > mergedAt + MIN_PENDING_MS && left.length === 0 && into.length === 0;
}

function nameOfMerged({ from }: Merge): string {
  return nameOf(from.identityPoolId, from.identityId);
}
