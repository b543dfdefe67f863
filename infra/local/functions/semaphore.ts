/** Limits the number of concurrent operations, in total and per owner; the others wait. */
export interface Semaphore {
  /** Resolves when a slot is acquired. @throws the error of `refusal` after `timeoutMs` */
  acquire(owner: string, timeoutMs: number): Promise<void>;
  /**
   * Passes the slot of this owner to the operation that has waited longest and whose owner may have another slot. A
   * later one cannot acquire it first.
   */
  release(owner: string): void;
  /** Rejects all waiting operations. */
  close(): void;
}

interface SemaphoreOptions {
  max: number;
  maxPerOwner: number;
  /** Creates the error of an operation that waited in vain. */
  refusal: () => Error;
}

interface Waiter extends PromiseWithResolvers<void> {
  owner: string;
}

/**
 * Creates a semaphore. Waiting operations are served in order of arrival, except that an owner with `maxPerOwner` slots
 * does not keep the operations of others waiting.
 */
export function createSemaphore({ max, maxPerOwner, refusal }: SemaphoreOptions): Semaphore {
  /** In order of arrival. None of them may acquire a slot at the moment. */
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
