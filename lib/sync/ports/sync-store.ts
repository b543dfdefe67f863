import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import type { Limits } from '../limits.ts';
import type { SyncRecord } from '../model.ts';

/** The content of a SyncSessionToken. A session is one sync of one dataset, from ListRecords to UpdateRecords. */
export interface SyncSession {
  sessionId: string;
  /** When the session's token expires, in epoch milliseconds. */
  expiresAt: number;
}

/**
 * The version of a dataset. Each change of the dataset increases both members. If the dataset is restored from a backup
 * and changed again, it can reach the same count a second time, but not with the same date.
 */
export type DatasetVersion = Pick<StoredDataset, 'syncCount' | 'lastModifiedDate'>;

/** A dataset as stored, even after its deletion. The dataset exists if `syncCount` is above `deletedSyncCount`. */
export interface StoredDataset {
  datasetName: string;
  syncCount: number;
  /** The dataset's count at its latest deletion; 0 if the dataset was never deleted. */
  deletedSyncCount: number;
  creationDate: number;
  lastModifiedDate: number;
  lastModifiedBy: string;
  /** UTF-8 bytes of the keys and values of the dataset's live records. */
  dataStorage: number;
  /** Number of live records. */
  numRecords: number;
}

/** A dataset with the size of all its rows. Live records and tombstones have rows. */
export interface CountedDataset extends StoredDataset {
  rowCount: number;
  /** UTF-8 bytes of the keys of all rows. */
  keyBytes: number;
}

/** The state from which a change is decided. All of it is read at one point in time. */
export interface Snapshot {
  dataset: CountedDataset | null;
  /** Whether an update has already used the session. A session can be used for one update. */
  spent: boolean;
  /** Number of existing datasets of the identity. It is counted only if `dataset` does not exist; otherwise it is 0. */
  identityDatasets: number;
  /** Whether the identity pool exists. False for a deleted pool, even if some of the pool's data still exists. */
  poolExists: boolean;
  /**
   * Whether DeleteIdentities has deleted the identity. It is read only if `dataset` does not exist; otherwise it is
   * false. An existing dataset of a deleted identity is about to be deleted.
   */
  identityDeleted: boolean;
  /** The requested records that are stored, by key. `valueBytes` is null for a tombstone. */
  records: ReadonlyMap<string, { syncCount: number; valueBytes: number | null }>;
}

/** The new state of a dataset and everything written with it, in one transaction. */
export interface DatasetUpdate {
  dataset: CountedDataset;
  /** Records to write, each with the dataset's new count. */
  records: readonly SyncRecord[];
  /**
   * The session that the update uses. It is stored, so that no other update can use it. Null for a deletion, which uses no
   * session.
   */
  spend: SyncSession | null;
  /** The stream event of the change. It is written only if streaming is enabled for the pool at that moment. */
  event: OutgoingEvent;
}

/** The first update of a dataset. */
export type Creation = DatasetUpdate & Pick<VersionedUpdate, 'spend'>;

/** An update that is decided from the version of an existing dataset, without reading the dataset or its records. */
export interface VersionedUpdate {
  /** The version that the dataset must have. */
  version: DatasetVersion;
  /** The dataset's new version, and who changes it. */
  next: Pick<StoredDataset, 'syncCount' | 'lastModifiedDate' | 'lastModifiedBy'>;
  /** Records to write, each with the dataset's new count. */
  records: readonly SyncRecord[];
  /** The sync counts that the client sent, in the order of `records`. */
  patchCounts: readonly number[];
  /** The limits that the dataset must not exceed. */
  limits: Pick<Limits, 'recordsPerDataset' | 'datasetBytes' | 'rowsPerDataset' | 'keyBytesPerDataset'>;
  /** Whether the pool may have a sync trigger. If false, the update is not written to a pool that has one. */
  allowsTrigger: boolean;
  /** As in `DatasetUpdate`. */
  spend: SyncSession;
  event: OutgoingEvent;
}

/** The result of a change that was written. */
export interface WrittenChange {
  /** Outbox id of the event; null if the pool does not stream. */
  outboxId: string | null;
  /** Whether any device subscribes to the dataset. */
  subscribed: boolean;
}

/** The result of a `VersionedUpdate` that was written. */
export interface VersionedResult extends WrittenChange {
  /** The sizes of the dataset before and after the update. */
  before: RowCounts;
  after: RowCounts;
}

/** What a creation requires, apart from a pool and an identity that exist. */
export interface CreationConditions {
  /** The limit on the existing datasets of the identity, the new one included. */
  maxDatasets: number;
  /** As in `VersionedUpdate`. */
  allowsTrigger: boolean;
}

/** The number of rows of a dataset, tombstones included, and the UTF-8 bytes of the keys of these rows. */
export type RowCounts = Pick<CountedDataset, 'rowCount' | 'keyBytes'>;

export interface OutgoingEvent {
  partitionKey: string;
  /** The serialized stream event. */
  data: string;
  /** The payload to which the event's URL leads, written with the event; null if the event holds its records itself. */
  payload: Payload | null;
}

/** The records of an event that would be too large for the stream. The event holds a URL in their place. */
export interface Payload {
  payloadId: string;
  /** A JSON list of the records. */
  body: string;
  /** When the payload may be deleted, in epoch milliseconds. */
  expiresAt: number;
}

export interface ReadRecordsOptions {
  /** The session for which `spent` says whether an update has used it; null if there is no session to check. */
  session: SyncSession | null;
  /**
   * Where to start. A number: after the records with this count. A text, which is the `next` of an earlier result:
   * after the last record of that result.
   */
  after: number | string;
  /** The highest count to read; null for all. */
  upTo: number | null;
  /** Maximum number of records; null for all. */
  limit: number | null;
}

/** The part of a dataset that a listing of records returns. */
export type ListedDataset = Pick<
  StoredDataset,
  'syncCount' | 'deletedSyncCount' | 'lastModifiedDate' | 'lastModifiedBy'
>;

export interface ReadRecordsResult {
  dataset: ListedDataset | null;
  /** Sorted names of the existing copies of the dataset that merges made. Copies can exist without the dataset. */
  mergedDatasetNames: string[];
  /** Whether DeleteIdentities has deleted the identity. It is read only if `dataset` does not exist. */
  identityDeleted: boolean;
  spent: boolean;
  /** Records by sync count, tombstones included. Records from before the dataset's deletion are omitted. */
  records: SyncRecord[];
  /** The position from which to continue; null if there are no more records. */
  next: string | null;
}

export type ReadLiveResult = Pick<ReadRecordsResult, 'dataset' | 'spent' | 'records'>;

/** The database operations of the service. Counts and dates of a dataset only increase, even across its deletion. */
export interface SyncStore {
  /** Reads a dataset and its records at one point in time. */
  readRecords(dataset: DatasetKey, options: ReadRecordsOptions): Promise<ReadRecordsResult>;
  /**
   * Reads a dataset, its live records, and the tombstones of the given keys at one point in time. The records are
   * sorted by sync count.
   * @param about the keys whose tombstones are read, and the session for which `spent` says whether it was used
   */
  readLiveRecords(
    dataset: DatasetKey,
    about: { keys: readonly string[]; session: SyncSession },
  ): Promise<ReadLiveResult>;
  /** Returns the dataset; null if it does not exist. */
  readDataset(dataset: DatasetKey): Promise<StoredDataset | null>;
  /** Returns existing datasets whose names follow `after`, sorted by name. */
  readDatasets(
    identity: IdentityKey,
    options: { after: string; limit: number | null },
  ): Promise<StoredDataset[]>;
  /** Returns whether DeleteIdentities has deleted the identity, and some of its credentials may still be in use. */
  isIdentityDeleted(identityId: string): Promise<boolean>;
  /**
   * Writes an update in one round trip, without reading the dataset first.
   *
   * @returns null if nothing was written. Then `change` must decide: the dataset may have another version, one of the
   *   patches may be stale, above the dataset's count, or the removal of a key that has no row, a limit may be exceeded,
   *   the session may have been used, the pool or the identity may have been deleted, or the pool may have a sync trigger
   */
  updateAt(dataset: DatasetKey, update: VersionedUpdate): Promise<VersionedResult | null>;
  /**
   * Writes the first update of a dataset, without reading first. Takes one round trip, or two for the first dataset of
   * the identity.
   *
   * @param update decided for a dataset that has no row
   * @returns null if nothing was written. Then `change` must decide: the dataset may have a row, the identity may have
   *   too many datasets, the pool or the identity may have been deleted, the pool may have a sync trigger, another
   *   request may be creating a dataset of the identity, or the database may not support this method
   */
  create(
    dataset: DatasetKey,
    update: Creation,
    conditions: CreationConditions,
  ): Promise<WrittenChange | null>;
  /**
   * Changes a dataset in one transaction. Concurrent changes are serialized: each change is decided from the state that
   * the previous change left.
   * @param decide returns the answer for the caller and the update to write, or null to write nothing. If another
   *   change was committed first, `decide` runs again on a newer snapshot. If `decide` throws, nothing is written, and
   *   `change` throws that error.
   */
  change<Answer>(
    dataset: DatasetKey,
    about: ChangeSubject,
    decide: (snapshot: Snapshot) => UpdateDecision<Answer>,
  ): Promise<Changed<Answer>>;
}

/** What a change needs to know before it is decided. */
export interface ChangeSubject {
  /** The keys whose records are read. */
  keys: readonly string[];
  /** The session for which the snapshot says whether it was used; null if there is no session to check. */
  session: SyncSession | null;
  /**
   * Whether the dataset probably does not exist. If so, the store takes the lock that a creation needs without delay.
   */
  isNew?: boolean;
}

export interface Changed<Answer> {
  answer: Answer;
  /** Outbox id of the event; null if nothing was written or the pool does not stream. */
  outboxId: string | null;
  /** Whether any device subscribes to the dataset; false if nothing was written. */
  subscribed: boolean;
}

export interface UpdateDecision<Answer> {
  update: DatasetUpdate | null;
  answer: Answer;
}

export function exists<Stored extends ListedDataset>(dataset: Stored | null): dataset is Stored {
  return dataset !== null && dataset.syncCount > dataset.deletedSyncCount;
}
