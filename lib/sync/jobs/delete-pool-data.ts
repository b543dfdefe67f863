import pLimit from 'p-limit';
import type { DatasetKey } from '../../common/dataset-key.ts';
import { afterCommit } from '../after-commit.ts';
import { deletionEvent } from '../build-stream-event.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { deletionOf } from '../next-dataset.ts';
import type { PoolDataStore } from '../ports/pool-data-store.ts';
import { exists } from '../ports/sync-store.ts';

/** Datasets that are deleted at the same time: as many as there are connections to a server. */
const AT_ONCE = 4;
/** Datasets that are read at once. */
const STEP = 200;
/** Writes that were under way make another pass necessary; one who never stops does not make it endless. */
const PASSES = 50;
/** After so many passes in a row that removed nothing, with a pause after each, others hold what is left for long. */
const IDLE_PASSES = 10;
const PAUSE_MS = 200;

export interface DeletePoolDataDeps extends Pick<SyncDependencies, 'store' | 'now' | 'afterWrite'> {
  poolData: Pick<PoolDataStore, 'listDatasets' | 'removePendingMerges' | 'removeRows' | 'isLeft'>;
  sleep: (ms: number) => Promise<unknown>;
}

/**
 * Deletes what is kept of a pool that is marked as deleted: each dataset as DeleteDataset does, so that the pool's stream
 * tells of it, and then all that is known of them, counts and devices, too, and the pool's identities with their logins.
 * The mark itself stays. What was cut off, or was still written, the next call deletes. Of a pool that is not marked
 * nothing is deleted.
 *
 * @returns whether nothing is left; false where others hold or write something for longer than is waited for
 * @throws {DatabaseError} part of it may be deleted
 */
export function createDeletePoolData(deps: DeletePoolDataDeps): (identityPoolId: string) => Promise<boolean> {
  const { poolData, sleep } = deps;
  return async (identityPoolId) => {
    let idle = 0;
    for (let pass = 1; pass <= PASSES && idle < IDLE_PASSES; pass += 1) {
      if (!(await poolData.isLeft(identityPoolId))) return true;
      const removed = await deleteOnce(deps, identityPoolId);
      idle = removed > 0 ? 0 : idle + 1;
      if (idle > 0) await sleep(PAUSE_MS);
    }
    return !(await poolData.isLeft(identityPoolId));
  };
}

/** @returns how many datasets and rows */
async function deleteOnce(deps: DeletePoolDataDeps, identityPoolId: string): Promise<number> {
  const { poolData } = deps;
  const merges = await poolData.removePendingMerges(identityPoolId);
  const datasets = await deleteDatasets(deps, identityPoolId);
  return merges + datasets + (await poolData.removeRows(identityPoolId));
}

/** @returns how many */
async function deleteDatasets(deps: DeletePoolDataDeps, identityPoolId: string): Promise<number> {
  const limit = pLimit(AT_ONCE);
  let deleted = 0;
  let last: DatasetKey | null = null;
  for (;;) {
    const step: DatasetKey[] = await deps.poolData.listDatasets(identityPoolId, last, STEP);
    const outcomes = await limit.map(step, (dataset) => deleteDataset(deps, dataset));
    deleted += outcomes.filter(Boolean).length;
    last = step.at(-1) ?? null;
    if (step.length < STEP) return deleted;
  }
}

/** @returns false where it is gone, or the pool is there: one that was made under the same id since it was listed */
async function deleteDataset(
  { store, now, afterWrite }: DeletePoolDataDeps,
  key: DatasetKey,
): Promise<boolean> {
  const about = { keys: [], session: null };
  const { answer, outboxId } = await store.change(key, about, ({ dataset: before, poolExists }) => {
    if (poolExists || !exists(before)) return { update: null, answer: false };
    const dataset = deletionOf(before, before.lastModifiedBy, now());
    return {
      update: { dataset, records: [], spend: null, event: deletionEvent(key, dataset) },
      answer: true,
    };
  });
  await afterCommit(outboxId, afterWrite);
  return answer;
}
