import type { CognitoIdentityCredentials } from 'aws-sdk';
import type {
  Callback,
  Conflict,
  DataStore,
  Dataset,
  DatasetMetadata,
  SdkWithSyncManager,
  SyncManager,
  SyncRecord,
} from './sync-manager.d.ts';

/** Time limit of an operation. The client sometimes never calls back; the error then names the operation. */
const TIMEOUT_MS = 20_000;

export type Logins = Record<string, string>;

export interface DeviceOptions {
  /** URL of the local cloud. */
  url: string;
  identityPoolId: string;
  /** Tokens by provider; without logins the device's user is a guest. */
  logins?: Logins;
  /** The id that the app has stored in an earlier run. */
  identityId?: string;
  /** Local storage; defaults to the browser's localStorage. */
  dataStore?: DataStore;
}

/** Decisions of the app during a sync. A sync that needs a handler stops if the app did not give that handler. */
export interface SyncHandlers {
  /** Returns the resolved records; false stops the sync. */
  onConflict?: (conflicts: Conflict[]) => Promise<SyncRecord[] | false> | SyncRecord[] | false;
  onDatasetDeleted?: (datasetName: string) => Promise<boolean> | boolean;
  onDatasetsMerged?: (datasetNames: string[]) => Promise<boolean> | boolean;
}

/** Result of a sync. */
export interface Outcome {
  ended: 'success' | 'failure';
  /** The message of the failure. */
  message: string | null;
  /** Handlers called during the sync, such as `conflict: score`. */
  callbacks: string[];
}

export interface DeviceDataset {
  put(key: string, value: string): Promise<unknown>;
  putAll(values: Record<string, string>): Promise<unknown>;
  get(key: string): Promise<string | undefined>;
  getAll(): Promise<Record<string, string>>;
  remove(key: string): Promise<unknown>;
  getDataStorage(): Promise<number>;
  sync(handlers?: SyncHandlers): Promise<Outcome>;
}

export interface Device {
  identityId(): string;
  /** Completed service calls, such as `updateRecords` or `updateRecords ResourceConflictException`. */
  calls: string[];
  /** Runs before a call is sent; the call waits for it. */
  beforeCall: (operation: string) => Promise<void>;
  /** @throws the service's error, with its `code` */
  logIn(logins: Logins): Promise<void>;
  open(datasetName: string): Promise<DeviceDataset>;
  /** Deletes the dataset on this device. The next sync of the dataset deletes it from the service. */
  deleteDataset(datasetName: string): Promise<void>;
  /** Removes the dataset only from this device. */
  purgeDataset(datasetName: string): Promise<void>;
  /** Returns the names of the datasets on this device. */
  listDatasets(): Promise<string[]>;
  /** Lists all datasets in the service and returns their names. */
  refreshDatasetMetadata(): Promise<string[]>;
}

/**
 * Creates an app of one person on one device with amazon-cognito-js, wrapped in promises.
 * @throws the service's error, with its `code`, if it gets no credentials
 */
export async function createDevice(AWS: SdkWithSyncManager, options: DeviceOptions): Promise<Device> {
  const { dataStore } = options;
  const credentials = configure(AWS, options);
  const calls: string[] = [];
  const device: Device = {
    identityId: () => credentials.identityId,
    calls,
    beforeCall: async () => undefined,
    async logIn(Logins) {
      Object.assign(credentials.params, { Logins });
      credentials.expired = true;
      await credentials.getPromise();
    },
    ...datasetsOf(() => manager, calls),
  };
  AWS.events.onAsync('validate', ({ operation }, done) => {
    void device.beforeCall(operation).then(done);
  });
  AWS.events.on('complete', ({ request, error }) => {
    calls.push(error ? `${request.operation} ${error.code}` : request.operation);
  });
  await credentials.getPromise();
  // The manager reads the credentials when it is created, and the identity whenever a call needs it.
  const manager = new AWS.CognitoSyncManager(dataStore && { DataStore: dataStore });
  return device;
}

/** Sets the two endpoints with which an app uses this service in place of AWS. */
function configure(
  AWS: SdkWithSyncManager,
  { url, identityPoolId, identityId, logins }: DeviceOptions,
): CognitoIdentityCredentials {
  const credentials = new AWS.CognitoIdentityCredentials({
    IdentityPoolId: identityPoolId,
    ...(identityId !== undefined && { IdentityId: identityId }),
    ...(logins && { Logins: logins }),
  });
  AWS.config.update({
    region: identityPoolId.slice(0, identityPoolId.indexOf(':')),
    cognitoidentity: { endpoint: url },
    cognitosync: { endpoint: url },
    credentials,
  });
  return credentials;
}

type Datasets = Omit<Device, 'identityId' | 'calls' | 'beforeCall' | 'logIn'>;

function datasetsOf(manager: () => SyncManager, calls: readonly string[]): Datasets {
  const call = <Result>(action: string, start: (callback: Callback<Result>) => void) =>
    resultOf(action, calls, start);
  const identityId = () => manager().getIdentityId();
  return {
    async open(name) {
      const dataset = await call<Dataset>(`open ${name}`, (then) =>
        manager().openOrCreateDataset(name, then),
      );
      return toDeviceDataset(name, dataset, calls);
    },
    async deleteDataset(name) {
      await call<true>(`delete ${name}`, (then) => manager().local.deleteDataset(identityId(), name, then));
    },
    async purgeDataset(name) {
      await call<unknown>(`purge ${name}`, (then) => manager().local.purgeDataset(identityId(), name, then));
    },
    async listDatasets() {
      const listed = await call<DatasetMetadata[]>('listDatasets', (then) => manager().listDatasets(then));
      return listed.map((dataset) => dataset.getDatasetName());
    },
    async refreshDatasetMetadata() {
      const listed = await call('refreshDatasetMetadata', manager().refreshDatasetMetadata.bind(manager()));
      return listed.map((dataset) => dataset.getDatasetName());
    },
  };
}

function toDeviceDataset(name: string, dataset: Dataset, calls: readonly string[]): DeviceDataset {
  const call = <Result>(action: string, start: (callback: Callback<Result>) => void) =>
    resultOf(`${action} of ${name}`, calls, start);
  return {
    put: (key, value) => call<SyncRecord>('put', (then) => dataset.put(key, value, then)),
    putAll: (values) => call<true>('putAll', (then) => dataset.putAll(values, then)),
    get: (key) => call<string | undefined>('get', (then) => dataset.get(key, then)),
    getAll: () => call<Record<string, string>>('getAll', (then) => dataset.getAll(then)),
    remove: (key) => call<SyncRecord>('remove', (then) => dataset.remove(key, then)),
    getDataStorage: () => call<number>('getDataStorage', (then) => dataset.getDataStorage(then)),
    sync: (handlers = {}) => withTimeout(`sync of ${name}`, calls, synchronize(dataset, handlers)),
  };
}

/** Runs a sync to its end with all callbacks. An error thrown by a handler rejects the promise. */
function synchronize(dataset: Dataset, { onConflict, onDatasetDeleted, onDatasetsMerged }: SyncHandlers) {
  return new Promise<Outcome>((resolve, reject) => {
    const callbacks: string[] = [];
    const handle = (
      name: string,
      decide: () => Promise<boolean>,
      then: (shouldContinue: boolean) => void,
    ) => {
      callbacks.push(name);
      decide().then(then).catch(reject);
    };
    dataset.synchronize({
      onSuccess: () => resolve({ ended: 'success', message: null, callbacks }),
      onFailure: ({ message }) => resolve({ ended: 'failure', message, callbacks }),
      onConflict(_dataset, conflicts, then) {
        const keys = conflicts.map((conflict) => conflict.getKey()).join(', ');
        const settle = async () => {
          const records = (await onConflict?.(conflicts)) ?? false;
          if (records !== false) await promisify<true>((done) => dataset.resolve(records, done));
          return records !== false;
        };
        handle(`conflict: ${keys}`, settle, then);
      },
      onDatasetDeleted(_dataset, name, then) {
        handle(`deleted: ${name}`, async () => (await onDatasetDeleted?.(name)) ?? false, then);
      },
      onDatasetsMerged(_dataset, names, then) {
        handle(`merged: ${names.join(', ')}`, async () => (await onDatasetsMerged?.(names)) ?? false, then);
      },
    });
  });
}

function resultOf<Result>(
  action: string,
  calls: readonly string[],
  start: (callback: Callback<Result>) => void,
): Promise<Result> {
  return withTimeout(action, calls, promisify(start));
}

function promisify<Result>(start: (callback: Callback<Result>) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result)));
  });
}

async function withTimeout<Result>(
  action: string,
  calls: readonly string[],
  outcome: Promise<Result>,
): Promise<Result> {
  const callsBefore = calls.length;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const completed = calls.slice(callsBefore).join(', ') || 'no call';
      reject(new Error(`the client never called back: ${action}, after ${completed}`));
    }, TIMEOUT_MS);
  });
  return Promise.race([outcome, timeout]).finally(() => clearTimeout(timer));
}
