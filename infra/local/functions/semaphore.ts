/** Limits the number of concurrent operations, in total and per owner. Operations above a limit wait. */
export interface Semaphore {
  /** Resolves when a slot is acquired. @throws the error of `refusal` after `timeoutMs` */
  acquire(owner: string, timeoutMs: number): Promise<void>;
  /**
   * Frees a slot of this owner. The slot goes to the operation that has waited longest, among the operations whose
   * owner may have another slot. An operation that arrives later cannot acquire this slot first.
   */
  release(owner: string): void;
  /** Rejects all waiting operations. */
  close(): void;
}

interface SemaphoreOptions {
  max: number;
  maxPerOwner: number;
  /** Creates the error of an operation that got no slot in time. */
  refusal: () => Error;
}

interface Waiter extends PromiseWithResolvers<void> {
  owner: string;
}

/**
 * Creates a semaphore. Waiting operations get slots in order of arrival. Operations whose owner already has
 * `maxPerOwner` slots are skipped, so they do not delay the operations of other owners.
 */
export function createSemaphore({ max, maxPerOwner, refusal }: SemaphoreOptions): Semaphore {
  /** The waiting operations in order of arrival. At the moment, none of these operations may acquire a slot. */
  const waiting = new Set<Waiter>();
  /** Slots by owner; an owner without slots has no entry. */
  const taken = new Map<string, number>();
  let total = 0;

  const mayAcquire = (owner: string) => total < max && (taken.get(owner) ?? 0) < maxPerOwner;

  function take(owner: string): void {
    total += 1;
    taken.set(owner, (taken.get(owner) ?? 0) + 1);
  }

  function giveBack(owner: string): void {
    const left = (taken.get(owner) ?? 0) - 1;
    total -= 1;
    if (left > 0) taken.set(owner, left);
    else taken.delete(owner);
  }

  return {
    async acquire(owner, timeoutMs) {
      if (mayAcquire(owner)) {
        take(owner);
        return;
      }
      const waiter = { owner, ...Promise.withResolvers<void>() };
      waiting.add(waiter);
      const timer = setTimeout(() => {
        waiting.delete(waiter);
        waiter.reject(refusal());
      }, timeoutMs);
      try {
        await waiter.promise;
      } finally {
        clearTimeout(timer);
      }
    },
    release(owner) {
      giveBack(owner);
      for (const waiter of waiting) {
        if (!mayAcquire(waiter.owner)) continue;
        waiting.delete(waiter);
        take(waiter.owner);
        waiter.resolve();
        return;
      }
    },
    close() {
      for (const waiter of waiting) waiter.reject(refusal());
      waiting.clear();
    },
  };
}
