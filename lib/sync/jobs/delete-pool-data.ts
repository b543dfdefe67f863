import pLimit from 'p-limit';
import type { DatasetKey } from '../../common/dataset-key.ts';
import { afterCommit } from '../after-commit.ts';
import { deletionEvent } from '../build-stream-event.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { deletionOf } from '../next-dataset.ts';
import type { PoolDataStore } from '../ports/pool-data-store.ts';
import { exists } from '../ports/sync-store.ts';

/**
 * Maximum number of datasets deleted concurrently: the default number of connections of a pool
 * (lib/database/drivers/pg/open-pg.ts).
 */
const CONCURRENCY = 4;
/** Datasets read per query. */
const PAGE_SIZE = 200;
/**
 * Maximum number of passes. Data that is written during a pass makes another pass necessary. Without this limit, a
 * writer that never stops would make the loop endless.
 */
const MAX_PASSES = 50;
/**
 * Maximum number of consecutive passes that remove nothing, with a pause after each. Passes remove nothing while other
 * transactions hold locks on the remaining rows.
 */
const MAX_IDLE_PASSES = 10;
const PAUSE_MS = 200;

export interface DeletePoolDataDeps extends Pick<SyncDependencies, 'store' | 'now' | 'afterWrite'> {
  poolData: Pick<PoolDataStore, 'listDatasets' | 'removePendingMerges' | 'removeRows' | 'isLeft'>;
  sleep: (ms: number) => Promise<unknown>;
}

/**
 * Deletes the data of a pool that is marked as deleted. Each dataset is deleted as DeleteDataset does, so that the
 * pool's stream receives a removal event. Then the rest is removed: the counts and dates that DeleteDataset keeps, and
 * the pool's devices, identities and logins. The pool stays marked as deleted.
 *
 * If a call is interrupted, or more data is written in the meantime, the next call deletes the rest. The data of a pool
 * that is not marked is never deleted.
 *
 * @returns whether nothing is left; false if other transactions lock or write data for longer than this function waits
 * @throws {DatabaseError} part of the data may be deleted
 */
export function createDeletePoolData(deps: DeletePoolDataDeps): (identityPoolId: string) => Promise<boolean> {
  const { poolData, sleep } = deps;
  return async (identityPoolId) => {
    let idle = 0;
    for (let pass = 1; pass <= MAX_PASSES && idle < MAX_IDLE_PASSES; pass += 1) {
      if (!(await poolData.isLeft(identityPoolId))) return true;
      const removed = await deleteOnce(deps, identityPoolId);
      idle = removed > 0 ? 0 : idle + 1;
      if (idle > 0) await sleep(PAUSE_MS);
    }
    return !(await poolData.isLeft(identityPoolId));
  };
}

/** @returns the number of merges, datasets and rows removed */
async function deleteOnce(deps: DeletePoolDataDeps, identityPoolId: string): Promise<number> {
  const { poolData } = deps;
  const merges = await poolData.removePendingMerges(identityPoolId);
  const datasets = await deleteDatasets(deps, identityPoolId);
  return merges + datasets + (await poolData.removeRows(identityPoolId));
}

/** @returns the number of datasets deleted */
async function deleteDatasets(deps: DeletePoolDataDeps, identityPoolId: string): Promise<number> {
  const limit = pLimit(CONCURRENCY);
  let deleted = 0;
  let last: DatasetKey | null = null;
  for (;;) {
    const page: DatasetKey[] = await deps.poolData.listDatasets(identityPoolId, last, PAGE_SIZE);
    const outcomes = await limit.map(page, (dataset) => deleteDataset(deps, dataset));
    deleted += outcomes.filter(Boolean).length;
    last = page.at(-1) ?? null;
    if (page.length < PAGE_SIZE) return deleted;
  }
}

/** @returns false if the dataset is gone, or if the pool was created again under the same id after the listing */
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
