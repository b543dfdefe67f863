/** Counts the uses of something with connections, which must be closed after its last use. */
export interface UseCount {
  /** Whether `retire` was called. */
  isRetired(): boolean;
  /** Runs work that uses it. */
  during<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Closes it as soon as no work uses it. */
  retire(): void;
}

/** @param close closes it. It is called again after work that begins even later */
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
