/** Lets so many go on at once; the others wait. */
export interface Semaphore {
  /** Settles when there is one. @throws what `refusal` makes, when the time is over before that */
  acquire(timeoutMs: number): Promise<void>;
  /** To the one that has waited longest; one that comes before it goes on finds none free. */
  release(): void;
  /** Refuses all that wait. */
  close(): void;
}

/** First come, first served. */
export function createSemaphore(max: number, refusal: () => Error): Semaphore {
  /** In the order in which they came. */
  const waiting = new Set<PromiseWithResolvers<void>>();
  /** While any waits, there are as many as there may be. */
  let taken = 0;
  return {
    async acquire(timeoutMs) {
      if (taken < max) {
        taken += 1;
        return;
      }
      const turn = Promise.withResolvers<void>();
      waiting.add(turn);
      const timer = setTimeout(() => {
        waiting.delete(turn);
        turn.reject(refusal());
      }, timeoutMs);
      try {
        await turn.promise;
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
      for (const turn of waiting) turn.reject(refusal());
      waiting.clear();
    },
  };
}
