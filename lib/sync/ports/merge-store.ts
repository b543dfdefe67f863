import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import type { SyncRecord } from '../model.ts';
import type { OutgoingEvent, Snapshot, StoredDataset } from './sync-store.ts';

/** An identity that has become part of another one of its pool. */
export interface Merge {
  /** The disappearing one. */
  from: IdentityKey;
  /** Id of the surviving one. */
  into: string;
  /** Epoch milliseconds. */
  mergedAt: number;
}

/** Where a dataset of a disappearing identity goes. */
export interface MergeTarget {
  dataset: DatasetKey;
  /** The dataset in whose listings it is named; it need not exist. */
  root: DatasetKey;
}

/** What the merge of one dataset is decided on; read at one moment. */
export interface MergeSnapshot {
  /** It exists. */
  source: StoredDataset;
  /** The live ones. */
  records: readonly SyncRecord[];
  /** The dataset to write them into, with its records of the same keys. */
  target: Snapshot;
  targetKey: DatasetKey;
}

/** What the two datasets become. */
export interface DatasetMerge {
  /** The source's deletion. */
  deletion: StoredDataset;
  /** Null where there is nothing to copy. */
  copy: { dataset: StoredDataset; records: readonly SyncRecord[] } | null;
  /** Written where the pool streams at that moment. */
  events: readonly OutgoingEvent[];
}

/** What merges of identities need of a database. */
export interface MergeStore {
  /**
   * Copies a dataset of a disappearing identity to the surviving one and deletes it, in one transaction: whatever is
   * written to either of the two at the same time comes before it or after it. A dataset that does not exist stays so.
   *
   * @param into id of the surviving identity, of the same pool
   * @param targetOf asked with whether the dataset is itself a copy that a merge made
   * @param decide null for nothing. As `targetOf`, it runs again where the database asks for another try.
   * @returns ids of the events in the outbox
   */
  mergeDataset(
    source: DatasetKey,
    into: string,
    targetOf: (isCopy: boolean) => MergeTarget,
    decide: (snapshot: MergeSnapshot) => DatasetMerge | null,
  ): Promise<string[]>;
  /** Merges that are not over yet, a step of them in an order of its own, from after the one given. */
  listPending(after: Merge | null, limit: number): Promise<Merge[]>;
  /**
   * Forgets a merge, unless there are datasets of the disappearing identity, or merges into it that are not over.
   * @returns whether it did
   */
  endPending(merge: Merge): Promise<boolean>;
}
