/** Items that are read at once. */
const STEP = 100;

interface Pending<Item> {
  /** At most `limit` items in an order of their own, from after the one given. */
  list: (after: Item | null, limit: number) => Promise<Item[]>;
  /** Returns whether nothing is left to do for the item. */
  finish: (item: Item) => Promise<boolean>;
  /** Receives each item that failed; the next run tries it again. */
  onFailure: (item: Item, error: unknown) => void;
  /** Epoch milliseconds. */
  now: () => number;
}

interface PendingOutcome<Item> {
  /** Items that were tried. */
  pending: number;
  ended: number;
  failed: number;
  /** The item after which the time ended; null if all were tried. */
  last: Item | null;
}

/**
 * Tries all pending items in their order, as long as the time allows.
 *
 * @param after where the run before this one ended, so that every item is reached
 * @param timeBudgetMs after this long no further item is begun; one always is
 */
export async function finishPending<Item>(
  { list, finish, onFailure, now }: Pending<Item>,
  { after, timeBudgetMs }: { after: Item | null; timeBudgetMs: number },
): Promise<PendingOutcome<Item>> {
  const deadline = now() + timeBudgetMs;
  const outcome: PendingOutcome<Item> = { pending: 0, ended: 0, failed: 0, last: after };
  for (;;) {
    const step = await list(outcome.last, STEP);
    for (const item of step) {
      if (outcome.pending > 0 && now() >= deadline) return outcome;
      outcome.pending += 1;
      outcome.last = item;
      try {
        if (await finish(item)) outcome.ended += 1;
      } catch (error) {
        outcome.failed += 1;
        onFailure(item, error);
      }
    }
    if (step.length < STEP) return { ...outcome, last: null };
  }
}
