import pLimit from 'p-limit';
import type { DatasetKey } from '../stream/stream-event.ts';
import { afterCommit } from './after-commit.ts';
import { deletionEvent } from './build-stream-event.ts';
import { deletionOf } from './deletion-of.ts';
import type { SyncDependencies } from './dependencies.ts';
import type { PoolDataStore } from './pool-data-port.ts';
import { exists } from './sync-store-port.ts';

/** Datasets that are deleted at the same time: as many as there are connections to a server. */
const AT_ONCE = 4;
/** Datasets that are read at once. */
const STEP = 200;
/** Whoever writes to the pool meanwhile makes another pass necessary; one who never stops does not make it endless. */
const PASSES = 5;

export interface DeletePoolDataDeps extends Pick<SyncDependencies, 'store' | 'now' | 'afterWrite'> {
  poolData: PoolDataStore;
}

/**
 * Deletes what identities of a pool have stored: each dataset as DeleteDataset does, so that the pool's stream tells of
 * it, and then all that is known of them, counts and devices, too. The pool itself stays as it is. What was cut off, or
 * what was written meanwhile, the next call deletes; with none of it there, nothing is done.
 *
 * @throws {DatabaseError} part of it may be deleted
 */
export function createDeletePoolData(deps: DeletePoolDataDeps): (identityPoolId: string) => Promise<void> {
  const { poolData } = deps;
  return async (identityPoolId) => {
    await poolData.removePendingMerges(identityPoolId);
    for (let pass = 1; pass <= PASSES; pass += 1) {
      const deleted = await deleteDatasets(deps, identityPoolId);
      const removed = await poolData.removeRows(identityPoolId);
      if (deleted + removed === 0) return;
    }
  };
}

/** @returns how many there were */
async function deleteDatasets(deps: DeletePoolDataDeps, identityPoolId: string): Promise<number> {
  const limit = pLimit(AT_ONCE);
  let deleted = 0;
  let last: DatasetKey | null = null;
  for (;;) {
    const step: DatasetKey[] = await deps.poolData.listDatasets(identityPoolId, last, STEP);
    await limit.map(step, (dataset) => deleteDataset(deps, dataset));
    deleted += step.length;
    last = step.at(-1) ?? null;
    if (step.length < STEP) return deleted;
  }
}

async function deleteDataset({ store, now, afterWrite }: DeletePoolDataDeps, key: DatasetKey): Promise<void> {
  const { outboxId } = await store.change(key, { keys: [], session: null }, ({ dataset: before }) => {
    if (!exists(before)) return { update: null, answer: null };
    const dataset = deletionOf(before, before.lastModifiedBy, now());
    return {
      update: { dataset, records: [], spend: null, event: deletionEvent(key, dataset) },
      answer: null,
    };
  });
  await afterCommit(outboxId, afterWrite);
}
