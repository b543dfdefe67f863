/** Numbers of rows and values that one step over the datasets removed. */
export interface DatasetsSwept {
  /** Rows of removed records. */
  tombstones: number;
  /** Rows of removed datasets. */
  datasets: number;
  /** Number of erased values. Their records are not newer than the removal of their dataset. */
  values: number;
  /** Rows of records without a dataset, and of erased identities. */
  strays: number;
}

/**
 * The part of a query store that sweeping uses. Each call changes a bounded number of rows and returns that number; 0
 * means that no row is left to change. Times are epoch milliseconds. Rows older than the given time are removed.
 */
export interface QuerySweep {
  removeQuarantined(before: { quarantined: number; redriven: number }): Promise<number>;
  removeDatedRemovals(before: number): Promise<number>;
  removeRedrivenObjects(before: number): Promise<number>;
  removeRepairedGaps(before: number): Promise<number>;
  /** Forgets that identities were erased. From then on, late events of these identities are projected again. */
  removeErasures(before: number): Promise<number>;
  /** Keeps the last bulk publish of each pool. */
  removeBulkPublishes(before: number): Promise<number>;
  /**
   * Sweeps the next datasets, in the order of their row ids.
   *
   * @param after the last id of the previous step; FIRST_DATASET for the first step
   * @returns `last`: the id after which the next step starts; null at the end
   */
  sweepDatasets(
    after: string,
    before: { tombstones: number; strays: number },
  ): Promise<DatasetsSwept & { last: string | null }>;
}

/** Lower than the id of every dataset row. */
export const FIRST_DATASET = '00000000-0000-0000-0000-000000000000';
