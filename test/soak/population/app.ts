import { loadSyncManager } from '../../clients/load-sync-manager.ts';
import { createMobileDevice } from '../../clients/mobile-device.ts';
import type { Platform } from '../../clients/mobile-requests.ts';
import type { DataStore } from '../../clients/sync-manager.d.ts';
import { createDevice, type Device } from '../../clients/sync-manager-device.ts';

/** What proves who the user is. */
export interface Login {
  /** The identity, if the app's own backend returns it. Otherwise, the app calls GetId. */
  identityId: string | null;
  /** Tokens by login provider. */
  logins: Record<string, string>;
}

export interface AppOptions {
  url: string;
  identityPoolId: string;
  /** The id that the app has stored; null for a new guest. */
  identityId: string | null;
  /** Asks the app's backend or a login provider for a login; null for a guest. */
  logIn: (() => Promise<Login>) | null;
  random: () => number;
  /** How far the device's clock is ahead, in milliseconds. */
  clockSkewMs: number;
}

/** An app on one device. Its data remains when it starts again, for example after an update. */
export interface App {
  /** Gets credentials for the identity. */
  start(): Promise<void>;
  identityId(): string;
  /** Changes records on the device (null removes one), then synchronizes the dataset. @returns whether that succeeded */
  round(datasetName: string, changes: ReadonlyMap<string, string | null>): Promise<boolean>;
  /** Deletes a dataset on the device and in the service. @returns whether that succeeded */
  deleteDataset(datasetName: string): Promise<boolean>;
  /** Returns the values on the device; null if this client is known to miss changes until it lists everything. */
  values(datasetName: string): Record<string, string> | null;
  close(): void;
}

/** The key of OpenID tokens of Cognito Identity itself. */
export const OWN = 'cognito-identity.amazonaws.com';

/** Creates an app that sends what the SDKs for Android and iOS send. */
export function createMobileApp(platform: Platform, options: AppOptions): App {
  const { url, identityPoolId, identityId, logIn, random } = options;
  const device = createMobileDevice({
    platform,
    url,
    identityPoolId,
    ...(identityId !== null && { cachedIdentityId: identityId }),
  });
  return {
    async start() {
      const login = await logIn?.();
      const Token = login?.logins[OWN];
      if (login?.identityId && Token)
        await device.logInAsUserOfBackend({ IdentityId: login.identityId, Token });
      else await device.logIn(login?.logins);
    },
    identityId: device.identityId,
    async round(datasetName, changes) {
      const dataset = device.openDataset(datasetName);
      for (const [key, value] of changes) {
        if (value === null) dataset.remove(key);
        else dataset.put(key, value);
      }
      const { success } = await dataset.synchronize({
        onConflict: () => (random() < 0.5 ? 'local' : 'remote'),
        onDatasetDeleted: () => true,
        onDatasetsMerged: async () => true,
      });
      return success;
    },
    async deleteDataset(datasetName) {
      const dataset = device.openDataset(datasetName);
      dataset.delete();
      return (await dataset.synchronize()).success;
    },
    values: (datasetName) => device.openDataset(datasetName).values(),
    close: () => undefined,
  };
}

/** Creates an app with amazon-cognito-js. */
export function createSyncManagerApp(options: AppOptions): App {
  const { url, identityPoolId, identityId, logIn, random } = options;
  const sdk = loadSyncManager();
  const store = new sdk.CognitoSyncManager.StoreInMemory();
  const SameStore = function SameStore() {
    return store;
  } as unknown as DataStore;
  let known = identityId;
  let device: Device | null = null;
  const current = () => {
    if (device === null) throw new Error('the app was not started');
    return device;
  };
  return {
    async start() {
      const login = await logIn?.();
      const id = login?.identityId ?? known;
      device = await createDevice(sdk, {
        url,
        identityPoolId,
        ...(id !== null && { identityId: id }),
        ...(login && { logins: login.logins }),
        dataStore: SameStore,
      });
      known = device.identityId();
    },
    identityId: () => current().identityId(),
    async round(datasetName, changes) {
      const dataset = await current().open(datasetName);
      for (const [key, value] of changes) {
        if (value === null) await dataset.remove(key);
        else await dataset.put(key, value);
      }
      let isDeleted = false;
      const { ended } = await dataset.sync({
        onConflict: (conflicts) =>
          conflicts.map((each) =>
            random() < 0.5 ? each.resolveWithLocalRecord() : each.resolveWithRemoteRecord(),
          ),
        onDatasetDeleted() {
          isDeleted = true;
          return false;
        },
        onDatasetsMerged: () => false,
      });
      if (isDeleted) await current().purgeDataset(datasetName);
      return ended === 'success';
    },
    async deleteDataset(datasetName) {
      const dataset = await current().open(datasetName);
      await current().deleteDataset(datasetName);
      const { ended } = await dataset.sync();
      return ended === 'success';
    },
    values: () => null,
    close: () => undefined,
  };
}
