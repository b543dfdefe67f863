import type { Merge, MergeStore } from '../ports/merge-store.ts';
import { finishPending } from './finish-pending.ts';

// Largest assumed difference between the clocks of two hosts. A host whose clock is behind still accepts expired
// credentials.
const CLOCK_SKEW_MS = 60 * 60 * 1000;

export interface FinishMergesDeps {
  merges: Pick<MergeStore, 'listPending' | 'endPending'>;
  mergeDatasets: (merge: Merge) => Promise<void>;
  /** How long credentials of an identity remain valid after the identity has disappeared. */
  credentialsLifetimeMs: number;
  /** Epoch milliseconds. */
  now: () => number;
  /** Called for each merge that failed; the next run retries it. */
  onFailure: (merge: Merge, error: unknown) => void;
}

export interface FinishMergesOutcome {
  /** Merges processed. */
  pending: number;
  ended: number;
  failed: number;
  /**
   * The last merge processed before the time ran out, after which the next run continues; null if all were processed.
   */
  last: Merge | null;
}

/**
 * Completes pending merges: moves datasets that a crash left, and datasets that were written later with credentials
 * that were still valid. A merge ends when no such credentials can exist any more and nothing is left to merge.
 *
 * @param after the `last` of the previous run, so that the first merges do not keep the others waiting
 * @param timeBudgetMs after this time no further merge is started; at least one always is
 */
export async function finishMerges(
  deps: FinishMergesDeps,
  { after, timeBudgetMs }: { after: Merge | null; timeBudgetMs: number },
): Promise<FinishMergesOutcome> {
  const { merges, mergeDatasets, credentialsLifetimeMs, now, onFailure } = deps;
  return finishPending<Merge>(
    {
      list: (last, limit) => merges.listPending(last, limit),
      async finish(merge) {
        await mergeDatasets(merge);
        const mayEnd = now() > merge.mergedAt + credentialsLifetimeMs + CLOCK_SKEW_MS;
        return mayEnd && merges.endPending(merge);
      },
      onFailure,
      now,
    },
    { after, timeBudgetMs },
  );
}
