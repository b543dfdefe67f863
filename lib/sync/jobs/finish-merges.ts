import type { Merge, MergeStore } from '../ports/merge-store.ts';

// A host whose clock is behind by less still takes credentials that have expired.
const CLOCK_SKEW_MS = 60 * 60 * 1000;

/** Pending merges that are read at once. */
const STEP = 100;

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
  const { merges, now } = deps;
  const deadline = now() + timeBudgetMs;
  const outcome: FinishMergesOutcome = { pending: 0, ended: 0, failed: 0, last: after };
  for (;;) {
    const step = await merges.listPending(outcome.last, STEP);
    for (const merge of step) {
      if (outcome.pending > 0 && now() >= deadline) return outcome;
      outcome.pending += 1;
      outcome.last = merge;
      await finish(deps, merge, outcome);
    }
    if (step.length < STEP) return { ...outcome, last: null };
  }
}

async function finish(
  { merges, mergeDatasets, credentialsLifetimeMs, now, onFailure }: FinishMergesDeps,
  merge: Merge,
  outcome: FinishMergesOutcome,
): Promise<void> {
  try {
    await mergeDatasets(merge);
    const mayEnd = now() > merge.mergedAt + credentialsLifetimeMs + CLOCK_SKEW_MS;
    if (mayEnd && (await merges.endPending(merge))) outcome.ended += 1;
  } catch (error) {
    outcome.failed += 1;
    onFailure(merge, error);
  }
}
