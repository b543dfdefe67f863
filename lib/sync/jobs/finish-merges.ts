import type { Merge, MergeStore } from '../ports/merge-store.ts';
import { finishPending } from './finish-pending.ts';

// A host whose clock is behind by less still takes credentials that have expired.
const CLOCK_SKEW_MS = 60 * 60 * 1000;

export interface FinishMergesDeps {
  merges: Pick<MergeStore, 'listPending' | 'endPending'>;
  mergeDatasets: (merge: Merge) => Promise<void>;
  /** For so long credentials of an identity can be used after it has disappeared. */
  credentialsLifetimeMs: number;
  /** Epoch milliseconds. */
  now: () => number;
  /** Told of each merge that failed; the next run tries it again. */
  onFailure: (merge: Merge, error: unknown) => void;
}

export interface FinishMergesOutcome {
  /** Merges looked at. */
  pending: number;
  ended: number;
  failed: number;
  /** The one that the time ended with, to go on after; null where all were looked at. */
  last: Merge | null;
}

/**
 * Merges what linking identities left to be merged: what a crash cut off, and what was still written with credentials
 * that live on. A merge ends when nobody can have such credentials any more and nothing is left to merge.
 *
 * @param after where the run before this one ended, so that none is kept from its turn by those before it
 * @param timeBudgetMs after this long no further merge is begun; one always is
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
