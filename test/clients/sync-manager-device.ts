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

/** Far longer than anything takes. The client has ways never to call back, and then a test is to say where it stood. */
const HANGS_AFTER_MS = 20_000;

export type Logins = Record<string, string>;

export interface DeviceOptions {
  /** Where the local cloud answers. */
  url: string;
  identityPoolId: string;
  /** Tokens by provider; without any the device is a guest's. */
  logins?: Logins;
  /** What keeps its data; the browser's localStorage unless given. */
  dataStore?: DataStore;
}

/** What the app is asked in the course of a sync, and what it says. Where it has no answer, the sync is to stop. */
export interface Answers {
  /** The records that settle it; false stops. */
  onConflict?: (conflicts: Conflict[]) => Promise<SyncRecord[] | false> | SyncRecord[] | false;
  onDatasetDeleted?: (datasetName: string) => Promise<boolean> | boolean;
  onDatasetsMerged?: (datasetNames: string[]) => Promise<boolean> | boolean;
}

/** How a sync ended. */
export interface Outcome {
  ended: 'success' | 'failure';
  /** Of the failure. */
  message: string | null;
  /** What the app was asked on the way, such as `conflict: score`. */
  asked: string[];
}

export interface DeviceDataset {
  put(key: string, value: string): Promise<unknown>;
  putAll(values: Record<string, string>): Promise<unknown>;
  get(key: string): Promise<string | undefined>;
  getAll(): Promise<Record<string, string>>;
  remove(key: string): Promise<unknown>;
  getDataStorage(): Promise<number>;
  sync(answers?: Answers): Promise<Outcome>;
}

export interface Device {
  identityId(): string;
  /** What was asked of the service and how that ended, such as `updateRecords` or `updateRecords ResourceConflictException`. */
  calls: string[];
  /** Called before a call is sent, which waits for it. */
  beforeCall: (operation: string) => Promise<void>;
  /** @throws the service's error, with its `code` */
  logIn(logins: Logins): Promise<void>;
  open(datasetName: string): Promise<DeviceDataset>;
  /** On this device; the dataset's next sync deletes it from the service. */
  deleteDataset(datasetName: string): Promise<void>;
  /** On this device alone. */
  purgeDataset(datasetName: string): Promise<void>;
  /** Names of the datasets that this device knows. */
  listDatasets(): Promise<string[]>;
  /** Asks the service for all datasets, and tells their names. */
  refreshDatasetMetadata(): Promise<string[]>;
}

/**
 * An app of one person on one device, as its authors write it with amazon-cognito-js, in promises.
 * @throws the service's error, with its `code`, where it gets no credentials
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
  // It reads the credentials when it is made, and the identity whenever it needs it.
  const manager = new AWS.CognitoSyncManager(dataStore && { DataStore: dataStore });
  return device;
}

/** What an app sets to use this service in place of AWS's: the two endpoints. */
function configure(
  AWS: SdkWithSyncManager,
  { url, identityPoolId, logins }: DeviceOptions,
): CognitoIdentityCredentials {
  const credentials = new AWS.CognitoIdentityCredentials({
    IdentityPoolId: identityPoolId,
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
  const ask = <Result>(what: string, start: (callback: Callback<Result>) => void) =>
    answerOf(what, calls, start);
  const identityId = () => manager().getIdentityId();
  return {
    async open(name) {
      const dataset = await ask<Dataset>(`open ${name}`, (then) => manager().openOrCreateDataset(name, then));
      return toDeviceDataset(name, dataset, calls);
    },
    async deleteDataset(name) {
      await ask<true>(`delete ${name}`, (then) => manager().local.deleteDataset(identityId(), name, then));
    },
    async purgeDataset(name) {
      await ask<unknown>(`purge ${name}`, (then) => manager().local.purgeDataset(identityId(), name, then));
    },
    async listDatasets() {
      const listed = await ask<DatasetMetadata[]>('listDatasets', (then) => manager().listDatasets(then));
      return listed.map((dataset) => dataset.getDatasetName());
    },
    async refreshDatasetMetadata() {
      const listed = await ask('refreshDatasetMetadata', manager().refreshDatasetMetadata.bind(manager()));
      return listed.map((dataset) => dataset.getDatasetName());
    },
  };
}

function toDeviceDataset(name: string, dataset: Dataset, calls: readonly string[]): DeviceDataset {
  const ask = <Result>(what: string, start: (callback: Callback<Result>) => void) =>
    answerOf(`${what} of ${name}`, calls, start);
  return {
    put: (key, value) => ask<SyncRecord>('put', (then) => dataset.put(key, value, then)),
    putAll: (values) => ask<true>('putAll', (then) => dataset.putAll(values, then)),
    get: (key) => ask<string | undefined>('get', (then) => dataset.get(key, then)),
    getAll: () => ask<Record<string, string>>('getAll', (then) => dataset.getAll(then)),
    remove: (key) => ask<SyncRecord>('remove', (then) => dataset.remove(key, then)),
    getDataStorage: () => ask<number>('getDataStorage', (then) => dataset.getDataStorage(then)),
    sync: (answers = {}) => unlessItHangs(`sync of ${name}`, calls, synchronize(dataset, answers)),
  };
}

/** All ways in which a sync can go on or end; what goes wrong in an answer goes wrong in the test. */
function synchronize(dataset: Dataset, { onConflict, onDatasetDeleted, onDatasetsMerged }: Answers) {
  return new Promise<Outcome>((resolve, reject) => {
    const asked: string[] = [];
    const answer = (question: string, decide: () => Promise<boolean>, then: (goOn: boolean) => void) => {
      asked.push(question);
      decide().then(then).catch(reject);
    };
    dataset.synchronize({
      onSuccess: () => resolve({ ended: 'success', message: null, asked }),
      onFailure: ({ message }) => resolve({ ended: 'failure', message, asked }),
      onConflict(_dataset, conflicts, then) {
        const keys = conflicts.map((conflict) => conflict.getKey()).join(', ');
        const settle = async () => {
          const records = (await onConflict?.(conflicts)) ?? false;
          if (records !== false) await promised<true>((done) => dataset.resolve(records, done));
          return records !== false;
        };
        answer(`conflict: ${keys}`, settle, then);
      },
      onDatasetDeleted(_dataset, name, then) {
        answer(`deleted: ${name}`, async () => (await onDatasetDeleted?.(name)) ?? false, then);
      },
      onDatasetsMerged(_dataset, names, then) {
        answer(`merged: ${names.join(', ')}`, async () => (await onDatasetsMerged?.(names)) ?? false, then);
      },
    });
  });
}

function answerOf<Result>(
  what: string,
  calls: readonly string[],
  start: (callback: Callback<Result>) => void,
): Promise<Result> {
  return unlessItHangs(what, calls, promised(start));
}

function promised<Result>(start: (callback: Callback<Result>) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result)));
  });
}

async function unlessItHangs<Result>(
  what: string,
  calls: readonly string[],
  outcome: Promise<Result>,
): Promise<Result> {
  const callsBefore = calls.length;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hangs = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const made = calls.slice(callsBefore).join(', ') || 'no call';
      reject(new Error(`the client never called back: ${what}, after ${made}`));
    }, HANGS_AFTER_MS);
  });
  return Promise.race([outcome, hangs]).finally(() => clearTimeout(timer));
}
