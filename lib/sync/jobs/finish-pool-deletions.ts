import type { PoolDataStore } from '../ports/pool-data-store.ts';

/**
 * A statement or transaction is ended after a minute at most (lib/database/drivers/pg/open-pg.ts, pglite-database.ts), so whatever
 * began while the pool was there is over after this, also where the clocks of two hosts differ by minutes.
 */
export const GRACE_MS = 5 * 60 * 1000;

/** Pools that are read at once. */
const STEP = 100;

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
  const { poolData, now } = deps;
  const deadline = now() + timeBudgetMs;
  const outcome: FinishPoolDeletionsOutcome = { deleted: 0, ended: 0, failed: 0, last: after };
  for (;;) {
    const step = await poolData.listMarked(outcome.last, STEP);
    for (const identityPoolId of step) {
      if (outcome.deleted > 0 && now() >= deadline) return outcome;
      outcome.deleted += 1;
      outcome.last = identityPoolId;
      await finish(deps, identityPoolId, outcome);
    }
    if (step.length < STEP) return { ...outcome, last: '' };
  }
}

async function finish(
  { poolData, deletePoolData, now, onFailure }: FinishPoolDeletionsDeps,
  identityPoolId: string,
  outcome: FinishPoolDeletionsOutcome,
): Promise<void> {
  try {
    const isEmpty = await deletePoolData(identityPoolId);
    if (isEmpty && (await poolData.removePool(identityPoolId, now() - GRACE_MS))) outcome.ended += 1;
  } catch (error) {
    outcome.failed += 1;
    onFailure(identityPoolId, error);
  }
}
