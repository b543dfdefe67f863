import type { IdentityKey } from '../../common/dataset-key.ts';
import type { IdentityDataStore } from '../ports/identity-data-store.ts';
import { finishPending } from './finish-pending.ts';

// Largest assumed difference between the clocks of two hosts. A host whose clock is behind still accepts expired
// credentials.
const CLOCK_SKEW_MS = 60 * 60 * 1000;

export interface FinishIdentityDeletionsDeps {
  identityData: Pick<IdentityDataStore, 'listDeleted' | 'removeMarks'>;
  /** Removes the identities that were merged into a deleted identity. They can remain after a crash. */
  removeMerged: (identity: IdentityKey) => Promise<unknown>;
  /** Deletes the identity's data and returns whether nothing is left. */
  deleteIdentityData: (identity: IdentityKey) => Promise<boolean>;
  /** The longest time for which credentials or tokens of an identity are valid. */
  tokensLifetimeMs: number;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  /** Called for each identity that failed; the next run retries the identity. */
  onFailure: (identity: IdentityKey, error: unknown) => void;
}

export interface FinishIdentityDeletionsOutcome {
  /** Identities processed. */
  deleted: number;
  /** Identities whose data was completely deleted. */
  ended: number;
  failed: number;
  /**
   * The last identity processed before the time ran out, after which the next run continues; null if all identities
   * were processed.
   */
  last: IdentityKey | null;
}

/**
 * Deletes data of deleted identities that remains after a crash, or because other transactions locked it. Then removes
 * the marks of deletions, if all credentials and tokens of the identity have expired.
 *
 * @param after the `last` of the previous run, so that the first identities do not keep the others waiting
 * @param timeBudgetMs once this much time has passed, no further identity is processed; the first identity is always
 *   processed
 */
export async function finishIdentityDeletions(
  deps: FinishIdentityDeletionsDeps,
  { after, timeBudgetMs }: { after: IdentityKey | null; timeBudgetMs: number },
): Promise<FinishIdentityDeletionsOutcome> {
  const { identityData, removeMerged, deleteIdentityData, tokensLifetimeMs, now, onFailure } = deps;
  const { pending, ...outcome } = await finishPending<IdentityKey>(
    {
      list: (from, limit) => identityData.listDeleted(from, limit),
      async finish(identity) {
        // The merged identities are found through the deleted identity, so they must be removed before its deletion
        // ends.
        await removeMerged(identity);
        return deleteIdentityData(identity);
      },
      onFailure,
      now,
    },
    { after, timeBudgetMs },
  );
  await identityData.removeMarks(now() - tokensLifetimeMs - CLOCK_SKEW_MS);
  return { deleted: pending, ...outcome };
}
