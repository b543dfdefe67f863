import type { SdkWithSyncManager } from '../clients/sync-manager.d.ts';
import {
  createDevice,
  type Device,
  type DeviceDataset,
  type Outcome,
  type SyncHandlers,
} from '../clients/sync-manager-device.ts';

declare global {
  var createApp: (AWS: SdkWithSyncManager) => App;
  /** The app that the page creates; the tests call it. */
  var app: App;
  /** Set by a test: runs before the page sends its changes, to simulate another device. */
  var beforeUpdate: undefined | (() => Promise<void>);
}

/** How the page resolves a conflict. */
export type Resolution = 'remote' | 'local' | 'none';

/** A web page with amazon-cognito-js that stores its data in the browser's localStorage. */
export interface App {
  /** @returns the identity id */
  start(url: string, identityPoolId: string, token: string): Promise<string>;
  put(key: string, value: string): Promise<void>;
  values(): Promise<Record<string, string>>;
  sync(resolution?: Resolution): Promise<Outcome>;
  /** Deletes the dataset locally and in the service. */
  deleteGame(): Promise<Outcome>;
  calls(): string[];
  /**
   * Calls Kinesis with developer credentials, which no page should have.
   * @returns the error code, or `created`
   */
  createStream(url: string, streamName: string): Promise<string>;
}

const RESOLUTIONS: Record<Resolution, SyncHandlers> = {
  remote: { onConflict: (conflicts) => conflicts.map((each) => each.resolveWithRemoteRecord()) },
  local: { onConflict: (conflicts) => conflicts.map((each) => each.resolveWithLocalRecord()) },
  none: {},
};

globalThis.createApp = (AWS) => {
  let opened: { device: Device; game: DeviceDataset } | undefined;
  function running() {
    if (opened === undefined) throw new Error('the app is not started');
    return opened;
  }
  return {
    async start(url, identityPoolId, token) {
      const logins = { 'graph.facebook.com': token };
      const device = await createDevice(AWS, { url, identityPoolId, logins });
      device.beforeCall = async (operation) => {
        if (operation === 'updateRecords') await globalThis.beforeUpdate?.();
      };
      opened = { device, game: await device.open('game') };
      return device.identityId();
    },
    async put(key, value) {
      await running().game.put(key, value);
    },
    values: () => running().game.getAll(),
    sync: (resolution = 'none') => running().game.sync(RESOLUTIONS[resolution]),
    async deleteGame() {
      const { device, game } = running();
      await device.deleteDataset('game');
      return game.sync();
    },
    calls: () => running().device.calls,
    createStream(url, StreamName) {
      const kinesis = new AWS.Kinesis({
        endpoint: url,
        region: 'us-east-1',
        credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
        maxRetries: 0,
      });
      const created = kinesis.createStream({ StreamName, ShardCount: 1 }).promise();
      return created.then(
        () => 'created',
        ({ code }) => code,
      );
    },
  };
};
