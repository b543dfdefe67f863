import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import type { SyncRecord } from '../model.ts';

/** What a SyncSessionToken stands for: one sync of one dataset, from its ListRecords to its UpdateRecords. */
export interface SyncSession {
  sessionId: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** A dataset as it is kept, also after its deletion: it exists while its count is above the one of its deletion. */
export interface StoredDataset {
  datasetName: string;
  syncCount: number;
  /** The count that the newest deletion got; 0 where there was none. */
  deletedSyncCount: number;
  creationDate: number;
  lastModifiedDate: number;
  lastModifiedBy: string;
  /** UTF-8 bytes of the keys and values of its live records. */
  dataStorage: number;
  /** Live records. */
  numRecords: number;
}

/** What a change is decided on; read at one moment. */
export interface Snapshot {
  dataset: StoredDataset | null;
  /** Whether the session has been used for an update. */
  spent: boolean;
  /** Datasets of the identity that exist; counted only where this one does not, and 0 where it does. */
  identityDatasets: number;
  /** Whether there is such an identity pool. One that is deleted is not there, though something of it may be left. */
  poolExists: boolean;
  /** Those of the records asked for that there are; `valueBytes` is null for a tombstone. */
  records: ReadonlyMap<string, { syncCount: number; valueBytes: number | null }>;
}

/** The new state of a dataset and what goes with it: all is written, or nothing. */
export interface DatasetUpdate {
  dataset: StoredDataset;
  /** Records to write, each with the dataset's new count. */
  records: readonly SyncRecord[];
  /**
   * The session that is spent by it, and the time before which spent sessions of the dataset have expired and need not
   * be known any more. Null for a deletion, which needs no session.
   */
  spend: { session: SyncSession; forgetBefore: number } | null;
  /** The stream event that tells of it. It is written where the dataset's pool streams at that moment. */
  event: OutgoingEvent;
}

export interface OutgoingEvent {
  partitionKey: string;
  /** The stream event, serialised. */
  data: string;
  /** What its URL leads to, written with it; null where it holds its records itself. */
  payload: Payload | null;
}

/** The records of an event that was too large for the stream. */
export interface Payload {
  payloadId: string;
  /** A JSON list. */
  body: string;
  /** Epoch milliseconds; then it may be forgotten. */
  expiresAt: number;
}

export interface ReadRecordsOptions {
  /** Whether this session is spent is told. */
  session: SyncSession | null;
  /** A count: the records above it. Or what `next` said: the records that follow. */
  after: number | string;
  /** The records up to this count. Null: all. */
  upTo: number | null;
  /** Most records. Null: all. */
  limit: number | null;
}

/** What a listing of records tells of its dataset. */
export type ListedDataset = Pick<StoredDataset, 'syncCount' | 'deletedSyncCount' | 'lastModifiedBy'>;

export interface ReadRecordsResult {
  dataset: ListedDataset | null;
  /** Names of the copies of it that merges made and that exist, in order; they may be there without it. */
  mergedDatasetNames: string[];
  spent: boolean;
  /** Tombstones included, none from before the dataset's deletion, by sync count. */
  records: SyncRecord[];
  /** From where to read on; null where that was all. */
  next: string | null;
}

/** What the operations need of a database. Counts and dates of a dataset only ever rise, over its deletion, too. */
export interface SyncStore {
  /** Reads a dataset and records of it at one moment. */
  readRecords(dataset: DatasetKey, options: ReadRecordsOptions): Promise<ReadRecordsResult>;
  /** The dataset; null where it does not exist. */
  readDataset(dataset: DatasetKey): Promise<StoredDataset | null>;
  /** Datasets that exist, by name, from after the name `after`. */
  readDatasets(
    identity: IdentityKey,
    options: { after: string; limit: number | null },
  ): Promise<StoredDataset[]>;
  /**
   * Changes a dataset in one transaction: of several at once, each is decided on what the one before it left.
   * @param decide what to write, null for nothing, and what to answer. Runs again, on a newer snapshot, where another
   *   change came first; what it throws is thrown, and nothing is written.
   */
  change<Answer>(
    dataset: DatasetKey,
    about: { keys: readonly string[]; session: SyncSession | null },
    decide: (snapshot: Snapshot) => UpdateDecision<Answer>,
  ): Promise<Changed<Answer>>;
}

export interface Changed<Answer> {
  answer: Answer;
  /** Of the event in the outbox; null where nothing was written, or nothing is to be published of it. */
  outboxId: string | null;
  /** Whether any device subscribes to the dataset; false where nothing was written. */
  subscribed: boolean;
}

export interface UpdateDecision<Answer> {
  update: DatasetUpdate | null;
  answer: Answer;
}

export function exists<Kept extends ListedDataset>(dataset: Kept | null): dataset is Kept {
  return dataset !== null && dataset.syncCount > dataset.deletedSyncCount;
}
