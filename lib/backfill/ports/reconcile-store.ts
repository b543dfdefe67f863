import type { DatasetKey } from '../../common/dataset-key.ts';
import type { Version } from '../../stream/stream-event.ts';

/** A record as the query store has it. */
export interface KnownRecord {
  key: string;
  version: Version;
  /**
   * False for a tombstone. A record with a value can still be invisible, if it is not newer than its dataset's removal.
   */
  hasValue: boolean;
}

/** A dataset as the query store has it. */
export interface KnownDataset {
  version: Version;
  /** Version of the dataset's removal. Records at or below this version no longer exist. */
  removal: Version | null;
  records: KnownRecord[];
}

/** The progress of a pool's reconciliation. */
export interface ReconcilePosition {
  /** Start time in epoch milliseconds. Identifies the reconciliation. */
  startedAt: number;
  /** The last dataset that was compared; null at the start. */
  after: { identityId: string; datasetName: string } | null;
  /**
   * `compared`: number of compared datasets. `repaired`: number of compared datasets in which something was repaired.
   */
  compared: number;
  repaired: number;
}

/** The query store operations that a reconciliation needs, in addition to writing. */
export interface ReconcileStore {
  /**
   * Starts a reconciliation, or resumes an unfinished reconciliation.
   * @param options `restart`: starts a new reconciliation even if an unfinished reconciliation exists
   */
  beginReconciliation(
    identityPoolId: string,
    now: number,
    options: { restart: boolean },
  ): Promise<ReconcilePosition>;
  /** Saves the progress. Has no effect if the reconciliation is finished or was replaced by another reconciliation. */
  saveReconciliation(identityPoolId: string, position: ReconcilePosition): Promise<void>;
  /**
   * Finishes the reconciliation. Marks the gaps that ended before the start of the reconciliation as repaired.
   * @returns the number of gaps that were marked
   */
  finishReconciliation(identityPoolId: string, position: ReconcilePosition, now: number): Promise<number>;
  countDatasets(identityPoolId: string): Promise<number>;
  /** Returns the identities that have datasets, including removed datasets, in the order of the store. */
  listIdentities(identityPoolId: string, after: string, limit: number): Promise<string[]>;
  /** Returns the names of an identity's datasets, including removed datasets. */
  listNames(identityPoolId: string, identityId: string): Promise<string[]>;
  /** Returns null if the dataset does not exist. */
  readDataset(dataset: DatasetKey): Promise<KnownDataset | null>;
}
