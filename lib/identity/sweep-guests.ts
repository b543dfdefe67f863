import type { GuestSweep } from './ports/guest-sweep.ts';

/**
 * How long a guest that never stored anything is retained after it last received credentials or a token. The period is
 * long because apps keep the id of their guest and may store the first record weeks later.
 */
const GUEST_RETENTION_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * For this time after the deletion of an identity, `erase` can find the identities that had been merged into it. For
 * the same time, the query store ignores late events of erased identities.
 */
const MERGE_RETENTION_MS = 400 * 24 * 60 * 60 * 1000;

interface SweepGuestsOutcome {
  swept: number;
  /**
   * The last identity that was checked before the time ran out; an empty text if all identities were checked. The next
   * sweep starts after the identity `last`.
   */
  last: string;
}

/**
 * Removes guests and merged identities that never stored anything and were not used for 30 days. Every GetId without
 * logins creates a guest, and a login can merge the guest into another identity. Without the sweep, the number of both
 * would grow without limit. A client whose guest was removed gets a new guest and loses nothing. Also forgets old
 * merges of deleted identities.
 *
 * @param after the `last` of the previous sweep
 * @param timeBudgetMs once this much time has passed, no further step starts; at least one step always runs
 */
export async function sweepGuests(
  { guests, now }: { guests: GuestSweep; now: () => number },
  { after, timeBudgetMs }: { after: string; timeBudgetMs: number },
): Promise<SweepGuestsOutcome> {
  const startedAt = now();
  await guests.removeDeletedMerges(startedAt - MERGE_RETENTION_MS);
  const outcome: SweepGuestsOutcome = { swept: 0, last: after };
  do {
    const { swept, last } = await guests.sweepStep(outcome.last, startedAt - GUEST_RETENTION_MS);
    outcome.swept += swept;
    outcome.last = last ?? '';
  } while (outcome.last !== '' && now() - startedAt < timeBudgetMs);
  return outcome;
}
