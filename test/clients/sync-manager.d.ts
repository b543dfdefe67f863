/** Types of the parts of amazon-cognito-js 1.1.0 that the tests use. The package has no types. */

export type Callback<Result> = (error: Error | null, result: Result) => void;

export interface SyncRecord {
  getKey(): string;
  /** The empty string if the record is removed. */
  getValue(): string;
  getSyncCount(): number;
}

export interface Conflict {
  getKey(): string;
  getRemoteRecord(): SyncRecord;
  getLocalRecord(): SyncRecord;
  resolveWithRemoteRecord(): SyncRecord;
  resolveWithLocalRecord(): SyncRecord;
  resolveWithValue(value: string): SyncRecord;
}

export interface DatasetMetadata {
  getDatasetName(): string;
  getLastSyncCount(): number;
  getRecordCount(): number;
}

type Continue = (shouldContinue: boolean) => void;

export interface SyncCallbacks {
  onSuccess(dataset: Dataset): void;
  onFailure(error: Error): void;
  onConflict(dataset: Dataset, conflicts: Conflict[], then: Continue): void;
  onDatasetDeleted(dataset: Dataset, datasetName: string, then: Continue): void;
  onDatasetsMerged(dataset: Dataset, datasetNames: string[], then: Continue): void;
}

export interface Dataset {
  put(key: string, value: string, callback: Callback<SyncRecord>): void;
  putAll(values: Record<string, string>, callback: Callback<true>): void;
  get(key: string, callback: Callback<string | undefined>): void;
  getAll(callback: Callback<Record<string, string>>): void;
  remove(key: string, callback: Callback<SyncRecord>): void;
  resolve(records: SyncRecord[], callback: Callback<true>): void;
  getDataStorage(callback: Callback<number>): void;
  synchronize(callbacks: SyncCallbacks): void;
}

/** The local storage of the device. Apps delete datasets through this storage, because the manager cannot do that. */
export interface LocalStorage {
  /** The next synchronize of the dataset also deletes it from the service. */
  deleteDataset(identityId: string, datasetName: string, callback: Callback<true>): void;
  /** Removes the dataset only from this device. */
  purgeDataset(identityId: string, datasetName: string, callback: Callback<unknown>): void;
}

export interface SyncManager {
  local: LocalStorage;
  getIdentityId(): string;
  openOrCreateDataset(datasetName: string, callback: Callback<Dataset>): void;
  listDatasets(callback: Callback<DatasetMetadata[]>): void;
  refreshDatasetMetadata(callback: Callback<DatasetMetadata[]>): void;
}

/** A class that stores strings by key. */
export type DataStore = new () => object;

export interface SyncManagerClass {
  new (options?: { DataStore?: DataStore }): SyncManager;
  StoreInMemory: DataStore;
  StoreLocalStorage: DataStore;
}

export interface SdkRequest {
  operation: string;
}

export interface SdkResponse {
  request: SdkRequest;
  /** The error of the request, with the service's error code; null if it succeeded. */
  error: { code?: string } | null;
}

/** The events of every request, which the types of the SDK omit. */
export interface SdkEvents {
  on(event: 'complete', listener: (response: SdkResponse) => void): void;
  onAsync(event: 'validate', listener: (request: SdkRequest, done: () => void) => void): void;
}

/** The AWS SDK v2 after the sync manager has added itself to it. */
export type SdkWithSyncManager = Pick<
  typeof import('aws-sdk'),
  'config' | 'CognitoIdentityCredentials' | 'Kinesis'
> & {
  CognitoSyncManager: SyncManagerClass;
  events: SdkEvents;
};
