import type { Merge, MergeStore } from '../ports/merge-store.ts';
import { finishPending } from './finish-pending.ts';

// Largest assumed difference between the clocks of two hosts. A host whose clock is behind still accepts expired
// credentials.
const CLOCK_SKEW_MS = 60 * 60 * 1000;

export interface FinishMergesDeps {
  merges: Pick<MergeStore, 'listPending' | 'endPending'>;
  mergeDatasets: (merge: Merge) => Promise<void>;
  /** How long credentials of an identity remain valid after the identity was merged into another identity. */
  credentialsLifetimeMs: number;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  /** Called for each merge that failed; the next run retries the merge. */
  onFailure: (merge: Merge, error: unknown) => void;
}

export interface FinishMergesOutcome {
  /** Merges processed. */
  pending: number;
  ended: number;
  failed: number;
  /**
   * The last merge processed before the time ran out, after which the next run continues; null if all merges were
   * processed.
   */
  last: Merge | null;
}

/**
 * Completes pending merges. Moves datasets that remained after a crash. Also moves datasets that clients wrote later,
 * with credentials of the merged identity that were still valid. A merge ends once all credentials of the merged
 * identity have expired and nothing is left to merge.
 *
 * @param after the `last` of the previous run. This run starts after that merge, so that later merges are reached even
 *   if the time never suffices for all merges
 * @param timeBudgetMs once this much time has passed, no further merge starts; the first merge always starts
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
