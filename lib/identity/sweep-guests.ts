/**
 * Age after which a guest that never stored anything is removed, counted from its last credentials or token. Apps keep
 * the id of their guest and may store the first record weeks later.
 */
const GUEST_RETENTION_MS = 30 * 24 * 60 * 60 * 1000;

/** The database operation of the sweep. */
export interface GuestSweep {
  /**
   * Removes the guests among the next identities, with their devices, if they have no logins, never had a dataset, and
   * have not been used since `unusedSince` (epoch milliseconds).
   *
   * @param after the `last` of the previous step; an empty text for the first
   * @returns `last`: the identity after which the next step starts; null at the end
   */
  sweepStep(after: string, unusedSince: number): Promise<{ swept: number; last: string | null }>;
}

interface SweepGuestsOutcome {
  swept: number;
  /** The identity at which the time ran out; an empty text if all were checked. The next sweep starts after it. */
  last: string;
}

/**
 * Removes guests that never stored anything. Every GetId without logins creates a guest, so that their number would
 * otherwise grow without limit. A client whose guest was removed gets a new one and loses nothing.
 *
 * @param after the `last` of the previous sweep
 * @param timeBudgetMs no step starts after this time, but at least one step always runs
 */
export async function sweepGuests(
  { guests, now }: { guests: GuestSweep; now: () => number },
  { after, timeBudgetMs }: { after: string; timeBudgetMs: number },
): Promise<SweepGuestsOutcome> {
  const startedAt = now();
  const outcome: SweepGuestsOutcome = { swept: 0, last: after };
  do {
    const { swept, last } = await guests.sweepStep(outcome.last, startedAt - GUEST_RETENTION_MS);
    outcome.swept += swept;
    outcome.last = last ?? '';
  } while (outcome.last !== '' && now() - startedAt < timeBudgetMs);
  return outcome;
}
