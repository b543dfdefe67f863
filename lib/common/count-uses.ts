/** Counts the uses of a resource, such as a client with connections, that must be closed after its last use. */
export interface UseCount {
  /** Whether `retire` was called. */
  isRetired(): boolean;
  /** Runs work that uses the resource. */
  during<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Closes the resource as soon as no work uses it. */
  retire(): void;
}

/**
 * @param close closes the resource. Called again if work starts after `retire` closed the resource, when that work has
 *   ended
 */
export function countUses(close: () => void): UseCount {
  let uses = 0;
  let isRetired = false;
  const closeUnused = () => {
    if (isRetired && uses === 0) close();
  };
  return {
    isRetired: () => isRetired,
    async during(work) {
      uses += 1;
      try {
        return await work();
      } finally {
        uses -= 1;
        closeUnused();
      }
    },
    retire() {
      isRetired = true;
      closeUnused();
    },
  };
}
