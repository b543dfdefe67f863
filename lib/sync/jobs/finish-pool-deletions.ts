import type { PoolDataStore } from '../ports/pool-data-store.ts';
import { finishPending } from './finish-pending.ts';

/**
 * A statement or transaction is ended after a minute at most (lib/database/drivers/pg/open-pg.ts, pglite/open-pglite.ts), so whatever
 * began while the pool was there is over after this, also where the clocks of two hosts differ by minutes.
 */
export const GRACE_MS = 5 * 60 * 1000;

export interface FinishPoolDeletionsDeps {
  poolData: Pick<PoolDataStore, 'listMarked' | 'removePool'>;
  /** Says whether nothing is left. */
  deletePoolData: (identityPoolId: string) => Promise<boolean>;
  /** Epoch milliseconds. */
  now: () => number;
  /** Told of each pool where it failed; the next run tries it again. */
  onFailure: (identityPoolId: string, error: unknown) => void;
}

export interface FinishPoolDeletionsOutcome {
  /** Pools looked at. */
  deleted: number;
  /** Of them, those that nothing is known of any more. */
  ended: number;
  failed: number;
  /** The one that the time ended with, to go on after; empty where all were looked at. */
  last: string;
}

/**
 * Deletes what is left of pools that are deleted: what a crash cut off, and what was written by whoever had begun before.
 * When nothing is left, and nobody can still be writing, the pool is forgotten.
 *
 * @param after where the run before this one ended, so that none is kept from its turn by those before it
 * @param timeBudgetMs after this long no further pool is begun; one always is
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
