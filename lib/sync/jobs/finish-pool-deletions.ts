import type { PoolDataStore } from '../ports/pool-data-store.ts';
import { finishPending } from './finish-pending.ts';

/**
 * A statement or transaction times out after one minute at most (lib/database/drivers/pg/open-pg.ts,
 * pglite/open-pglite.ts). Once this much time has passed since the deletion of a pool, all transactions that started
 * while the pool existed have therefore ended, even if the clocks of two hosts differ by minutes.
 */
export const GRACE_MS = 5 * 60 * 1000;

export interface FinishPoolDeletionsDeps {
  poolData: Pick<PoolDataStore, 'listMarked' | 'removePool'>;
  /** Deletes the pool's data and returns whether nothing is left. */
  deletePoolData: (identityPoolId: string) => Promise<boolean>;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  /** Called for each pool that failed; the next run retries the pool. */
  onFailure: (identityPoolId: string, error: unknown) => void;
}

export interface FinishPoolDeletionsOutcome {
  /** Pools processed. */
  deleted: number;
  /** Pools whose data was completely deleted and whose row was removed. */
  ended: number;
  failed: number;
  /**
   * The last pool processed before the time ran out, after which the next run continues; empty if all pools were
   * processed.
   */
  last: string;
}

/**
 * Deletes the remaining data of deleted pools: data that remained after a crash, and data that was written by requests
 * that had started before the deletion. When nothing is left and no such request can still be writing, the row of the
 * pool is removed.
 *
 * @param after the `last` of the previous run. This run starts after that pool, so that later pools are reached even if
 *   the time never suffices for all pools
 * @param timeBudgetMs once this much time has passed, no further pool is processed; the first pool is always processed
 */
export async function finishPoolDeletions(
  deps: FinishPoolDeletionsDeps,
  { after, timeBudgetMs }: { after: string; timeBudgetMs: number },
): Promise<FinishPoolDeletionsOutcome> {
  const { poolData, deletePoolData, now, onFailure } = deps;
  const { pending, last, ...counts } = await finishPending<string>(
    {
      list: (from, limit) => poolData.listMarked(from ?? '', limit),
      async finish(identityPoolId) {
        const isEmpty = await deletePoolData(identityPoolId);
        return isEmpty && poolData.removePool(identityPoolId, now() - GRACE_MS);
      },
      onFailure,
      now,
    },
    { after, timeBudgetMs },
  );
  return { deleted: pending, ...counts, last: last ?? '' };
}
