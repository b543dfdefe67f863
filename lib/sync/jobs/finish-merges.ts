import type { Merge, MergeStore } from '../ports/merge-store.ts';

// A host whose clock is behind by less than this still accepts expired credentials.
const CLOCK_SKEW_MS = 60 * 60 * 1000;

/** Pending merges read per query. */
const PAGE_SIZE = 100;

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
 * Completes the merges that linking identities left pending: datasets that a crash left, and datasets written with
 * credentials that were still valid. A merge ends when no such credentials can exist any more and nothing is left to
 * merge.
 *
 * @param after the `last` of the previous run, so that the first merges do not keep the others waiting
 * @param timeBudgetMs after this time no further merge is started; at least one always is
 */
export async function finishMerges(
  deps: FinishMergesDeps,
  { after, timeBudgetMs }: { after: Merge | null; timeBudgetMs: number },
): Promise<FinishMergesOutcome> {
  const { merges, now } = deps;
  const deadline = now() + timeBudgetMs;
  const outcome: FinishMergesOutcome = { pending: 0, ended: 0, failed: 0, last: after };
  for (;;) {
    const page = await merges.listPending(outcome.last, PAGE_SIZE);
    for (const merge of page) {
      if (outcome.pending > 0 && now() >= deadline) return outcome;
      outcome.pending += 1;
      outcome.last = merge;
      await finish(deps, merge, outcome);
    }
    if (page.length < PAGE_SIZE) return { ...outcome, last: null };
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
