import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import type { SyncRecord } from '../model.ts';

/** The content of a SyncSessionToken: one sync of one dataset, from its ListRecords to its UpdateRecords. */
export interface SyncSession {
  sessionId: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** A dataset as stored, also after its deletion. It exists while its count is above the count of its deletion. */
export interface StoredDataset {
  datasetName: string;
  syncCount: number;
  /** The count of the latest deletion; 0 if the dataset was never deleted. */
  deletedSyncCount: number;
  creationDate: number;
  lastModifiedDate: number;
  lastModifiedBy: string;
  /** UTF-8 bytes of the keys and values of its live records. */
  dataStorage: number;
  /** Live records. */
  numRecords: number;
}

/** A dataset with all its rows. They are those of live records and of tombstones. */
export interface CountedDataset extends StoredDataset {
  rowCount: number;
  /** UTF-8 bytes of the rows' keys. */
  keyBytes: number;
}

/** The state on which a change is decided, read at one point in time. */
export interface Snapshot {
  dataset: CountedDataset | null;
  /** Whether the session has been used for an update. */
  spent: boolean;
  /** Existing datasets of the identity. Counted only if this dataset does not exist, otherwise 0. */
  identityDatasets: number;
  /** Whether the identity pool exists. A deleted pool does not exist, even if some of its data is left. */
  poolExists: boolean;
  /** The requested records that exist, by key. `valueBytes` is null for a tombstone. */
  records: ReadonlyMap<string, { syncCount: number; valueBytes: number | null }>;
}

/** The new state of a dataset and everything written with it, in one transaction. */
export interface DatasetUpdate {
  dataset: CountedDataset;
  /** Records to write, each with the dataset's new count. */
  records: readonly SyncRecord[];
  /**
   * The session that the update spends, and the time before which spent sessions of the dataset have expired and can
   * be deleted. Null for a deletion, which needs no session.
   */
  spend: { session: SyncSession; forgetBefore: number } | null;
  /** The stream event of the change. It is written only if the dataset's pool streams at that moment. */
  event: OutgoingEvent;
}

export interface OutgoingEvent {
  partitionKey: string;
  /** The serialized stream event. */
  data: string;
  /** The payload behind the event's URL, written with the event; null if the event holds its records itself. */
  payload: Payload | null;
}

/** The records of an event that was too large for the stream. */
export interface Payload {
  payloadId: string;
  /** A JSON list. */
  body: string;
  /** Epoch milliseconds after which the payload may be deleted. */
  expiresAt: number;
}

export interface ReadRecordsOptions {
  /** The session to check for whether it is spent; null for no check. */
  session: SyncSession | null;
  /** Reads the records above this count, or the records that follow this `next` of an earlier result. */
  after: number | string;
  /** The highest count to read; null for all. */
  upTo: number | null;
  /** Maximum number of records; null for all. */
  limit: number | null;
}

/** The part of a dataset that a listing of records returns. */
export type ListedDataset = Pick<StoredDataset, 'syncCount' | 'deletedSyncCount' | 'lastModifiedBy'>;

export interface ReadRecordsResult {
  dataset: ListedDataset | null;
  /** Names of the existing copies that merges made of the dataset, sorted. Copies can exist without the dataset. */
  mergedDatasetNames: string[];
  spent: boolean;
  /** Records by sync count, tombstones included. Records from before the dataset's deletion are left out. */
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
   * Reads a dataset, its live records by sync count, and the tombstones of the given keys, at one point in time.
   * @param about the session to check for whether it is spent
   */
  readLiveRecords(
    dataset: DatasetKey,
    about: { keys: readonly string[]; session: SyncSession },
  ): Promise<ReadLiveResult>;
  /** Returns the dataset; null if it does not exist. */
  readDataset(dataset: DatasetKey): Promise<StoredDataset | null>;
  /** Returns existing datasets, sorted by name, after the name `after`. */
  readDatasets(
    identity: IdentityKey,
    options: { after: string; limit: number | null },
  ): Promise<StoredDataset[]>;
  /**
   * Changes a dataset in one transaction. Concurrent changes are serialized: each is decided on the state that the
   * previous one left.
   * @param decide returns what to write, null for nothing, and the answer for the caller. It runs again, on a newer
   *   snapshot, if another change came first. If it throws, its error is passed on and nothing is written.
   */
  change<Answer>(
    dataset: DatasetKey,
    about: { keys: readonly string[]; session: SyncSession | null },
    decide: (snapshot: Snapshot) => UpdateDecision<Answer>,
  ): Promise<Changed<Answer>>;
}

export interface Changed<Answer> {
  answer: Answer;
  /** Outbox id of the event; null if nothing was written or there is nothing to publish. */
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
