import type { DatasetKey } from '../common/dataset-key.ts';
import type { Version } from '../stream/stream-event.ts';

/** What the query store has of a record. */
export interface KnownRecord {
  key: string;
  version: Version;
  /** False of a tombstone. A record with a value may still be covered by its dataset's removal. */
  hasValue: boolean;
}

/** What the query store has of a dataset. */
export interface KnownDataset {
  version: Version;
  /** Records at or below it are not there any more. */
  removal: Version | null;
  records: KnownRecord[];
}

/** How far the reconciliation of a pool has come. */
export interface ReconcilePosition {
  /** When it began, epoch milliseconds; also which one it is. */
  startedAt: number;
  /** The last dataset that was compared; null at first. */
  after: { identityId: string; datasetName: string } | null;
  /** Datasets compared, and those of them in which something was mended. */
  compared: number;
  repaired: number;
}

/** What a reconciliation needs of a query store, beside its write side. */
export interface ReconcileStore {
  /**
   * Begins a reconciliation, or takes up the one that is not finished.
   * @param options `anew`: begins one whatever there is
   */
  beginReconciliation(
    identityPoolId: string,
    now: number,
    options: { anew: boolean },
  ): Promise<ReconcilePosition>;
  /** Keeps how far it has come. One that is finished, or in whose place another one was begun, stays as it is. */
  keepReconciliation(identityPoolId: string, position: ReconcilePosition): Promise<void>;
  /**
   * Ends it: the gaps that were over when it began are mended.
   * @returns how many gaps
   */
  finishReconciliation(identityPoolId: string, position: ReconcilePosition, now: number): Promise<number>;
  countDatasets(identityPoolId: string): Promise<number>;
  /** The identities of which there are datasets, removed ones included, in the order of the store. */
  listIdentities(identityPoolId: string, after: string, limit: number): Promise<string[]>;
  /** The names of an identity's datasets, removed ones included. */
  listNames(identityPoolId: string, identityId: string): Promise<string[]>;
  /** Null where there is no such dataset. */
  readDataset(dataset: DatasetKey): Promise<KnownDataset | null>;
}
