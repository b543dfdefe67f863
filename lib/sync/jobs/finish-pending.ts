/** Items per read of the list. */
const STEP = 100;

interface Pending<Item> {
  /**
   * Lists at most `limit` items that follow `after`, in the list's own order. If `after` is null, starts at the first
   * item.
   */
  list: (after: Item | null, limit: number) => Promise<Item[]>;
  /** Works on one item. Returns whether the work on this item is complete. */
  finish: (item: Item) => Promise<boolean>;
  /** Receives each item that failed. The next run retries the item. */
  onFailure: (item: Item, error: unknown) => void;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
}

interface PendingOutcome<Item> {
  /** Number of items that were tried. */
  pending: number;
  /** Number of items whose work is complete. */
  ended: number;
  failed: number;
  /** The last item that was tried when the time ran out; null if all items were tried. */
  last: Item | null;
}

/**
 * Works on all pending items in their order until the time runs out.
 *
 * @param after the `last` of the previous run. This run starts after that item, so that later items are reached even if
 *   the time never suffices for all items
 * @param timeBudgetMs once this much time has passed, no further item is tried; the first item is always tried
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
