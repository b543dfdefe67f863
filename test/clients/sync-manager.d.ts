/** What the tests use of amazon-cognito-js 1.1.0, which has no types of its own. */

export type Callback<Result> = (error: Error | null, result: Result) => void;

export interface SyncRecord {
  getKey(): string;
  /** The empty string where the record is removed. */
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

type Continue = (isToContinue: boolean) => void;

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

/** What the device keeps. To delete a dataset an app has to ask here: the manager has no method of its own for it. */
export interface LocalStorage {
  /** The dataset's next synchronize deletes it from the service, too. */
  deleteDataset(identityId: string, datasetName: string, callback: Callback<true>): void;
  /** Forgets it on this device alone. */
  purgeDataset(identityId: string, datasetName: string, callback: Callback<unknown>): void;
}

export interface SyncManager {
  local: LocalStorage;
  getIdentityId(): string;
  openOrCreateDataset(datasetName: string, callback: Callback<Dataset>): void;
  listDatasets(callback: Callback<DatasetMetadata[]>): void;
  refreshDatasetMetadata(callback: Callback<DatasetMetadata[]>): void;
}

/** A class that keeps text by key. */
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
  /** With the code that the service gave it. */
  error: { code?: string } | null;
}

/** The events of every request, which the SDK's own types leave out. */
export interface SdkEvents {
  on(event: 'complete', listener: (response: SdkResponse) => void): void;
  onAsync(event: 'validate', listener: (request: SdkRequest, done: () => void) => void): void;
}

/** Version 2 of the SDK once the sync manager is loaded: it puts itself there. */
export type SdkWithSyncManager = Pick<
  typeof import('aws-sdk'),
  'config' | 'CognitoIdentityCredentials' | 'Kinesis'
> & {
  CognitoSyncManager: SyncManagerClass;
  events: SdkEvents;
};
