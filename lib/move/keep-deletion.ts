import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { DatasetKey } from '../common/dataset-key.ts';
import type { CachedPool } from './moving-pools.ts';
import type { MoveStore } from './ports/move-store.ts';
import type { Origin } from './ports/origin.ts';
import type { TakeOverStore } from './ports/take-over-store.ts';
import { createRecent } from './recent.ts';
import { tryAgain } from './try-again.ts';

interface KeepDeletionDeps {
  takeOvers: Pick<TakeOverStore, 'keepDeletion'>;
  store: Pick<MoveStore, 'readDataset'>;
  /** Returns the pool; undefined if it is not being migrated. */
  poolOf: (identityPoolId: string) => Promise<CachedPool | undefined>;
  /** Opens the origin of the pool. */
  originOf: (identityPoolId: string, name: string) => Promise<Origin>;
  /** Waits for a free slot. @returns a function that frees the slot */
  acquire: () => Promise<() => void>;
  now: () => number;
  /** Milliseconds of a clock that never goes back. */
  steadyNow: () => number;
  /** Logs that the origin could not be asked. */
  report: (message: string, details: Record<string, unknown>) => void;
}

/** How long a process remembers that the origin did not delete a dataset. */
const REMEMBERED_MS = 60_000;

/** Creates `Ownership.keepDeletion`, which stores a deletion that only the origin knows. */
export function createKeepDeletion({
  takeOvers,
  store,
  poolOf,
  originOf,
  acquire,
  now,
  steadyNow,
  report,
}: KeepDeletionDeps): (dataset: DatasetKey, syncCount: number) => Promise<boolean> {
  const notDeleted = createRecent<true>(REMEMBERED_MS, steadyNow);
  return async (dataset, syncCount) => {
    const pool = await poolOf(dataset.identityPoolId);
    const name = `${dataset.identityPoolId} ${dataset.identityId} ${dataset.datasetName}`;
    if (pool === undefined || notDeleted.get(name)) return false;
    const free = await acquire();
    try {
      const origin = await originOf(dataset.identityPoolId, pool.origin);
      // If the dataset exists here, its last deletion at the origin is already stored.
      const { exists } = await store.readDataset(dataset);
      if (exists || !(await wasDeletedAfter(origin, dataset, syncCount))) {
        notDeleted.set(name, true);
        return false;
      }
      // The stored deletion holds for devices up to this count. For a device with a higher count, the origin is asked
      // again.
      return await takeOvers.keepDeletion(dataset, { syncCount: syncCount + 1, at: now() });
    } catch (error) {
      report('the origin could not be asked about a deleted dataset', { ...dataset, error });
      throw tryAgain();
    } finally {
      free();
    }
  };
}

/** Also returns false if the origin rejects the count because it has never issued this count. */
async function wasDeletedAfter(origin: Origin, dataset: DatasetKey, syncCount: number): Promise<boolean> {
  try {
    return await origin.wasDeletedAfter(dataset, syncCount);
  } catch (error) {
    if (error instanceof SyncClientError && error.condition === 'refused') return false;
    throw error;
  }
}
