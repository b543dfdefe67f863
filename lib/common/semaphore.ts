/**
 * Limits the number of concurrent operations, in total and per owner. Each running operation holds a slot. Operations
 * that would exceed a limit wait for a slot.
 */
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
  /** Creates the error for an operation that got no slot in time, or was waiting when the semaphore was closed. */
  refusal: () => Error;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
}

interface Waiter extends PromiseWithResolvers<() => void> {
  owner: string;
}

/**
 * Half-life of an owner's used time. After this time, the time for which the owner has used slots counts half. After
 * twice this time, it counts a quarter, and so on.
 */
const HALF_LIFE_MS = 5_000;
/**
 * Time after which an owner's used time is forgotten. By then, ten half-lives have passed, so 10 s of use count as only
 * about 10 ms.
 */
const FORGET_AFTER_MS = 10 * HALF_LIFE_MS;

/**
 * Creates a semaphore. A free slot goes to the waiting owner that has recently used slots for the least time. An owner
 * with long or many operations therefore does not keep other owners waiting. Owners with equal times get slots in the
 * order in which their operations arrived. The operations of one owner also get slots in order of arrival.
 */
export function createSemaphore({ max, maxPerOwner, refusal, now }: SemaphoreOptions): Semaphore {
  /**
   * The waiting operations in order of arrival. None of them can get a slot at the moment: whenever a slot becomes
   * free, `serveNext` gives it to a waiting operation that may have it.
   */
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

/** Counts the slots that are held, and the time for which each owner has recently used slots. */
function createSlotUse(now: () => number) {
  /** The number of slots that each owner holds now, and the sum of the times at which these slots were taken. */
  const held = new Map<string, { count: number; takenAtSum: number }>();
  /**
   * For each owner, the used time (`ms`) at the last release of a slot, and the time of this release (`at`). Ordered by
   * `at`.
   */
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
    /**
     * Returns the time for which an owner has recently used slots. A slot that the owner still holds counts from the
     * time when it was taken.
     */
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
