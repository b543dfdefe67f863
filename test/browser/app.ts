import type { SdkWithSyncManager } from '../clients/sync-manager.d.ts';
import {
  type Answers,
  createDevice,
  type Device,
  type DeviceDataset,
  type Outcome,
} from '../clients/sync-manager-device.ts';

declare global {
  var createApp: (AWS: SdkWithSyncManager) => App;
  /** What the page makes with it, for tests to press its buttons. */
  var app: App;
  /** Put there by a test: what happens elsewhere while the page is about to send its changes. */
  var meanwhile: undefined | (() => Promise<void>);
}

/** How the page settles a conflict. */
export type Resolution = 'remote' | 'local' | 'not';

/** What a web page with amazon-cognito-js does; it keeps its data in the browser's localStorage. */
export interface App {
  /** @returns the identity's id */
  start(url: string, identityPoolId: string, token: string): Promise<string>;
  put(key: string, value: string): Promise<void>;
  values(): Promise<Record<string, string>>;
  sync(resolution?: Resolution): Promise<Outcome>;
  /** Deletes the dataset here and in the service. */
  deleteGame(): Promise<Outcome>;
  calls(): string[];
  /**
   * Asks Kinesis with a developer's credentials, which no page should have.
   * @returns the code of the error
   */
  createStream(url: string, streamName: string): Promise<string>;
}

const RESOLUTIONS: Record<Resolution, Answers> = {
  remote: { onConflict: (conflicts) => conflicts.map((each) => each.resolveWithRemoteRecord()) },
  local: { onConflict: (conflicts) => conflicts.map((each) => each.resolveWithLocalRecord()) },
  not: {},
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
        if (operation === 'updateRecords') await globalThis.meanwhile?.();
      };
      opened = { device, game: await device.open('game') };
      return device.identityId();
    },
    async put(key, value) {
      await running().game.put(key, value);
    },
    values: () => running().game.getAll(),
    sync: (resolution = 'not') => running().game.sync(RESOLUTIONS[resolution]),
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
