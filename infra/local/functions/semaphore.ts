/** Limits the number of concurrent operations, in total and per owner. Operations above a limit wait. */
export interface Semaphore {
  /**
   * Resolves when a slot is acquired.
   * @returns a function that releases the slot; call it once
   * @throws the error of `refusal` after `timeoutMs`
   */
  acquire(owner: string, timeoutMs: number): Promise<() => void>;
  /** Rejects all waiting operations. */
  close(): void;
}

interface SemaphoreOptions {
  max: number;
  maxPerOwner: number;
  /** Creates the error of an operation that got no slot in time. */
  refusal: () => Error;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
}

interface Waiter extends PromiseWithResolvers<() => void> {
  owner: string;
}

/** What an owner used counts half after this time. */
const HALF_LIFE_MS = 5_000;
/** By then, the longest use counts a hundredth of a second. */
const FORGET_AFTER_MS = 10 * HALF_LIFE_MS;

/**
 * Creates a semaphore. A free slot goes to the waiting owner that has used slots for the least time lately, so that an
 * owner whose operations are long or many does not keep others waiting. Owners that are equal are served in order of
 * arrival, and so are the operations of one owner.
 */
export function createSemaphore({ max, maxPerOwner, refusal, now }: SemaphoreOptions): Semaphore {
  /** In order of arrival. None of them may acquire a slot at the moment. */
  const waiting = new Set<Waiter>();
  const slots = createSlotUse(now);

  const mayAcquire = (owner: string) => slots.total() < max && slots.heldBy(owner) < maxPerOwner;

  function take(owner: string): () => void {
    const free = slots.take(owner);
    return () => {
      free();
      serveNext();
    };
  }

  function serveNext(): void {
    let next: Waiter | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const waiter of waiting) {
      const usedMs = mayAcquire(waiter.owner) ? slots.usedMs(waiter.owner) : least;
      if (usedMs >= least) continue;
      next = waiter;
      least = usedMs;
    }
    if (next === undefined) return;
    waiting.delete(next);
    next.resolve(take(next.owner));
  }

  return {
    async acquire(owner, timeoutMs) {
      if (mayAcquire(owner)) return take(owner);
      const waiter = { owner, ...Promise.withResolvers<() => void>() };
      waiting.add(waiter);
      const timer = setTimeout(() => {
        waiting.delete(waiter);
        waiter.reject(refusal());
      }, timeoutMs);
      try {
        return await waiter.promise;
      } finally {
        clearTimeout(timer);
      }
    },
    close() {
      for (const waiter of waiting) waiter.reject(refusal());
      waiting.clear();
    },
  };
}

/** Counts the slots that are held, and the time for which each owner used slots lately. */
function createSlotUse(now: () => number) {
  /** Slots by owner, with the sum of the times at which they were taken. An owner without slots has no entry. */
  const held = new Map<string, { count: number; takenAtSum: number }>();
  /** Time used by owner, as of the last release. In order of that release. */
  const used = new Map<string, { ms: number; at: number }>();
  let total = 0;

  function pastMs(owner: string): number {
    const { ms = 0, at = 0 } = used.get(owner) ?? {};
    return ms * 2 ** ((at - now()) / HALF_LIFE_MS);
  }

  function change(owner: string, by: 1 | -1, takenAt: number): void {
    total += by;
    const { count = 0, takenAtSum = 0 } = held.get(owner) ?? {};
    if (count + by > 0) held.set(owner, { count: count + by, takenAtSum: takenAtSum + by * takenAt });
    else held.delete(owner);
  }

  function forgetOld(): void {
    for (const [owner, { at }] of used) {
      if (at > now() - FORGET_AFTER_MS) return;
      used.delete(owner);
    }
  }

  return {
    total: () => total,
    heldBy: (owner: string) => held.get(owner)?.count ?? 0,
    /** Slots that are still held count with the time since they were taken. */
    usedMs(owner: string): number {
      const { count = 0, takenAtSum = 0 } = held.get(owner) ?? {};
      return pastMs(owner) + count * now() - takenAtSum;
    },
    take(owner: string): () => void {
      const takenAt = now();
      change(owner, 1, takenAt);
      return () => {
        change(owner, -1, takenAt);
        const ms = pastMs(owner) + now() - takenAt;
        used.delete(owner);
        used.set(owner, { ms, at: now() });
        forgetOld();
      };
    },
  };
}
