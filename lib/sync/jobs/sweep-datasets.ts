/**
 * A used token is removed this long after it has expired. A host whose clock is behind, or a clock that was a day ahead
 * for a while, would otherwise let the token be accepted again.
 */
const TOKEN_RETENTION_MS = 24 * 60 * 60 * 1000;

/** The sweep divides all datasets into this many slots. The first byte of a dataset's id is the dataset's slot. */
export const SLOTS = 256;

/**
 * Maximum number of slots per run. A slot takes four statements, even if it contains no dataset, and Aurora DSQL charges
 * for each statement. With one run every ten minutes, all slots are swept in 80 minutes.
 */
const SLOTS_PER_RUN = 32;

interface Swept {
  /** Number of removed rows of session tokens that were used and have expired. */
  tokens: number;
  /** Number of corrected rows of `sync.pool_usage`, which store the usage of each pool per slot. */
  sums: number;
}

/** The database operations of the sweep. */
export interface DatasetSweep {
  /**
   * Removes leases that ended more than a day ago and whose outbox rows no longer exist.
   * @returns the number of leases removed
   */
  removeLeases(): Promise<number>;
  /**
   * Removes the expired session tokens of the datasets in a slot, and corrects the stored usage of each pool in this
   * slot.
   * @param slot from 0 to `SLOTS` - 1
   * @param tokensBefore tokens that expired before this time are removed; epoch milliseconds
   */
  sweepSlot(slot: number, tokensBefore: number): Promise<Swept>;
}

export interface DatasetSweepOutcome extends Swept {
  leases: number;
  /** The slot with which the next sweep starts. */
  next: number;
}

/**
 * Sweeps the datasets of the next 32 slots, one after the other. Removes the expired tokens of the datasets, so that no
 * update has to look for them. Also corrects the stored usage of pools, which can be wrong if an older version of the
 * service, or an operator, has written datasets.
 *
 * @param first the `next` of the previous sweep, or any slot
 * @param timeBudgetMs once this much time has passed, no further slot is swept; the first slot is always swept
 */
export async function sweepDatasets(
  { sweep, now }: { sweep: DatasetSweep; now: () => number },
  { first, timeBudgetMs }: { first: number; timeBudgetMs: number },
): Promise<DatasetSweepOutcome> {
  const startedAt = now();
  const outcome: DatasetSweepOutcome = {
    leases: await sweep.removeLeases(),
    tokens: 0,
    sums: 0,
    next: first,
  };
  for (let swept = 0; swept < SLOTS_PER_RUN; swept += 1) {
    const { tokens, sums } = await sweep.sweepSlot(outcome.next, startedAt - TOKEN_RETENTION_MS);
    outcome.tokens += tokens;
    outcome.sums += sums;
    outcome.next = (outcome.next + 1) % SLOTS;
    if (now() - startedAt >= timeBudgetMs) break;
  }
  return outcome;
}
