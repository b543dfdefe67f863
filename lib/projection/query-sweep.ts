/** What a step of the walk over all datasets removed. */
export interface DatasetsSwept {
  /** Rows of removed records. */
  tombstones: number;
  /** Rows of removed datasets. */
  datasets: number;
  /** Values of records that their dataset's removal covers. */
  values: number;
  /** Rows of records without a dataset. */
  strays: number;
}

/**
 * What sweeping needs of a query store. Each call is a step that changes a bounded number of rows and returns how many it
 * did; 0 where none is left. Times are epoch milliseconds, and what is older goes.
 */
export interface QuerySweep {
  removeQuarantined(before: { quarantined: number; redriven: number }): Promise<number>;
  removeDatedRemovals(before: number): Promise<number>;
  removeRedrivenObjects(before: number): Promise<number>;
  removeMendedGaps(before: number): Promise<number>;
  /** The last one of each pool stays. */
  removeBulkPublishes(before: number): Promise<number>;
  /**
   * A step of the walk, in the order of the rows' ids.
   * @param after where the step before ended; FIRST_DATASET for the first
   * @returns `last`: where the next one begins; null at the end
   */
  sweepDatasets(
    after: string,
    before: { tombstones: number; strays: number },
  ): Promise<DatasetsSwept & { last: string | null }>;
}

/** Below the id of every dataset's row. */
export const FIRST_DATASET = '00000000-0000-0000-0000-000000000000';
