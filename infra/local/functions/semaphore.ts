/** Limits the number of concurrent operations; the others wait. */
export interface Semaphore {
  /** Resolves when a slot is acquired. @throws the error of `refusal` after `timeoutMs` */
  acquire(timeoutMs: number): Promise<void>;
  /** Passes the slot to the operation that has waited longest; a later one cannot acquire it first. */
  release(): void;
  /** Rejects all waiting operations. */
  close(): void;
}

/** Creates a semaphore with `max` slots. Waiting operations are served in order of arrival. */
export function createSemaphore(max: number, refusal: () => Error): Semaphore {
  /** In order of arrival. */
  const waiting = new Set<PromiseWithResolvers<void>>();
  /** Equals `max` while any operation waits. */
  let taken = 0;
  return {
    async acquire(timeoutMs) {
      if (taken < max) {
        taken += 1;
        return;
      }
      const waiter = Promise.withResolvers<void>();
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
    release() {
      const [next] = waiting;
      if (!next) {
        taken -= 1;
        return;
      }
      waiting.delete(next);
      next.resolve();
    },
    close() {
      for (const waiter of waiting) waiter.reject(refusal());
      waiting.clear();
    },
  };
}
