import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import type { Caller } from '../../../lib/sync/model.ts';
import type { IdentityPool } from '../../../lib/sync/ports/pool-store.ts';
import {
  type PushChannel,
  type PushDevice,
  PushError,
  type PushPlatform,
} from '../../../lib/sync/ports/push.ts';
import type { Push, PushReport } from '../../../lib/sync/push/push-to-devices.ts';
import { createPushStore } from '../../../lib/sync/store/push-store.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { newPool } from '../../fixtures/identity/identity-pools.ts';
import { APNS_APP, GCM_APP, PUSH_SYNC } from '../../fixtures/sync/push-devices.ts';
import { createSyncService, DEVELOPER, put } from '../../fixtures/sync/sync-service.ts';

const TOKEN = 'A0-secret-token';
const SYNC_TRIGGER = 'arn:aws:lambda:us-east-1:000000000000:function:sync-trigger';
const error = (code: string, message: string | RegExp) =>
  expect.objectContaining({
    code,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  });
const NOT_AUTHORIZED = error(
  'NotAuthorizedException',
  'These credentials are not valid for accessing this resource',
);
const INVALID_CONFIGURATION = error('InvalidConfigurationException', /push application/);

/** A channel that does what the test says, and everything else well. */
function scriptPush(database: Database) {
  const registered: Parameters<PushChannel['register']>[0][] = [];
  const sent: { device: PushDevice; message: unknown }[] = [];
  const reports: PushReport[] = [];
  const script = {
    register: async (): Promise<string> => `arn:endpoint:${registered.length}`,
    send: async (_: PushDevice): Promise<void> => undefined,
    sleep: (): Promise<void> => new Promise(() => undefined),
    devices: createPushStore(database),
  };
  const slept: number[] = [];
  const push: Push = {
    get devices() {
      return script.devices;
    },
    channel: {
      register: (device) => {
        registered.push(device);
        return script.register();
      },
      send: async (device, message) => {
        await script.send(device);
        sent.push({ device, message: JSON.parse(message) });
      },
    },
    sleep: (ms) => {
      slept.push(ms);
      return script.sleep();
    },
    report: (report) => reports.push(report),
  };
  return { push, script, registered, sent, reports, slept };
}

describe('push sync', () => {
  let database: Database;
  let IdentityPoolId: string;
  let IdentityId: string;
  let caller: Caller;
  let told: ReturnType<typeof scriptPush>;
  let service: ReturnType<typeof createSyncService>;

  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());
  beforeEach(() => begin({ pushSync: PUSH_SYNC }));

  async function begin(pool: Partial<IdentityPool>): Promise<void> {
    IdentityPoolId = await newPool(database, pool);
    IdentityId = `us-east-1:${randomUUID()}`;
    caller = { kind: 'identity', identityPoolId: IdentityPoolId, identityId: IdentityId };
    told = scriptPush(database);
    service = createSyncService(database, {}, undefined, {
      push: told.push,
      // It lets nothing of an update through.
      invokeFunction: async (_, event) => ({ ...event, datasetRecords: {} }),
    });
  }
  const registerAs = (as: Caller, Token = TOKEN, Platform: PushPlatform = 'APNS') =>
    service.operations.RegisterDevice({ IdentityPoolId, IdentityId, Platform, Token }, as);
  const register = async (token = TOKEN, platform: PushPlatform = 'APNS') =>
    (await registerAs(caller, token, platform)).DeviceId;
  const subscription = (DeviceId: string) => ({ IdentityPoolId, IdentityId, DatasetName: 'game', DeviceId });
  const subscribe = (deviceId: string, as = caller) =>
    service.operations.SubscribeToDataset(subscription(deviceId), as);
  const unsubscribe = (deviceId: string, as = caller) =>
    service.operations.UnsubscribeFromDataset(subscription(deviceId), as);
  const dataset = () => ({ IdentityPoolId, IdentityId, DatasetName: 'game' });
  async function write({ DeviceId, as = caller }: { DeviceId?: string | undefined; as?: Caller } = {}) {
    const { SyncSessionToken, DatasetSyncCount } = await service.operations.ListRecords(dataset(), as);
    const RecordPatches = [put('score', 'x', DatasetSyncCount)];
    return service.operations.UpdateRecords({ ...dataset(), SyncSessionToken, RecordPatches, DeviceId }, as);
  }
  /** Two devices that subscribe to a dataset of count 1. */
  async function twoSubscribers(): Promise<[phone: string, tablet: string]> {
    await write();
    const ids: [string, string] = [await register('phone'), await register('tablet')];
    for (const id of ids) await subscribe(id);
    return ids;
  }
  const reached = () => told.sent.map(({ device }) => device.deviceId).sort();

  describe('is a person’s own: neither a developer nor another identity', () => {
    const strangers: [string, () => Caller][] = [
      ['a developer', () => DEVELOPER],
      [
        'another identity',
        () => ({ kind: 'identity', identityPoolId: IdentityPoolId, identityId: 'us-east-1:1' }),
      ],
      [
        'the identity of another pool',
        () => ({ kind: 'identity', identityPoolId: 'us-east-1:1', identityId: IdentityId }),
      ],
    ];
    it.each(strangers)('%s', async (_, stranger) => {
      const [phone] = await twoSubscribers();
      await expect(registerAs(stranger())).rejects.toEqual(NOT_AUTHORIZED);
      await expect(subscribe(phone, stranger())).rejects.toEqual(NOT_AUTHORIZED);
      await expect(unsubscribe(phone, stranger())).rejects.toEqual(NOT_AUTHORIZED);
      IdentityPoolId = 'us-east-1:0';
      await expect(registerAs(DEVELOPER)).rejects.toEqual(NOT_AUTHORIZED);
      expect(told.registered).toHaveLength(2);
    });
  });

  describe('registering', () => {
    it('takes the device to the first application of its platform', async () => {
      const applicationArns = [
        GCM_APP,
        APNS_APP,
        `${APNS_APP}-2`,
        'arn:aws:sns:us-east-1:0:app/APNS_SANDBOX/APNS',
      ];
      await begin({ pushSync: { applicationArns, roleArn: null } });
      await register();
      await register('t', 'APNS_SANDBOX');
      expect(told.registered).toEqual([
        { applicationArn: APNS_APP, platform: 'APNS', token: TOKEN },
        { applicationArn: applicationArns[3], platform: 'APNS_SANDBOX', token: 't' },
      ]);
    });

    it('renews the endpoint of a device that is known', async () => {
      await write();
      const phone = await register();
      expect(await register()).toBe(phone);
      await subscribe(phone);
      await write();
      expect(told.sent).toMatchObject([{ device: { deviceId: phone, endpoint: 'arn:endpoint:2' } }]);
    });

    it.each<[string, Partial<IdentityPool>]>([
      ['no push sync', {}],
      ['no applications', { pushSync: { applicationArns: [], roleArn: 'arn:role' } }],
      ['none of the platform', { pushSync: { applicationArns: [GCM_APP], roleArn: null } }],
    ])('needs an application: a pool has %s', async (_, pool) => {
      await begin(pool);
      await expect(register()).rejects.toEqual(INVALID_CONFIGURATION);
      expect(told.registered).toEqual([]);
    });

    it('needs the pool', async () => {
      IdentityPoolId = 'us-east-1:0';
      caller = { kind: 'identity', identityPoolId: IdentityPoolId, identityId: IdentityId };
      const notFound = error('ResourceNotFoundException', "IdentityPool 'us-east-1:0' not found");
      await expect(register()).rejects.toEqual(notFound);
      await expect(subscribe(randomUUID())).rejects.toEqual(notFound);
    });

    it('is refused where the channel does not take the device, and keeps nothing then', async () => {
      told.script.register = () => Promise.reject(new PushError('refused', `not taken by ${APNS_APP}`));
      await expect(register()).rejects.toEqual(
        error('InvalidConfigurationException', `not taken by ${APNS_APP}`),
      );
      const failure = new Error('SNS is not there');
      told.script.register = () => Promise.reject(failure);
      await expect(register()).rejects.toBe(failure);
      const { rows } = await database.query('SELECT 1 FROM sync.devices WHERE identity_id = $1', [
        IdentityId,
      ]);
      expect(rows).toEqual([]);
    });
  });

  describe('subscribing', () => {
    const deviceNotFound = (id: string) => error('ResourceNotFoundException', `Device '${id}' not found`);
    const DATASET_NOT_FOUND = error('ResourceNotFoundException', "Dataset 'game' not found");

    it('needs a dataset that is there', async () => {
      const phone = await register();
      await expect(subscribe(phone)).rejects.toEqual(DATASET_NOT_FOUND);
      await write();
      expect(await subscribe(phone)).toEqual({});
      expect(await subscribe(phone)).toEqual({});
      await service.operations.DeleteDataset(dataset(), caller);
      await expect(subscribe(phone)).rejects.toEqual(DATASET_NOT_FOUND);
    });

    it('needs a device of the identity', async () => {
      const theirs = await register();
      IdentityId = `us-east-1:${randomUUID()}`;
      caller = { kind: 'identity', identityPoolId: IdentityPoolId, identityId: IdentityId };
      await write();
      for (const id of [theirs, randomUUID(), 'my phone']) {
        await expect(subscribe(id)).rejects.toEqual(deviceNotFound(id));
      }
    });

    it('needs push sync to be set up', async () => {
      await begin({});
      await write();
      await expect(subscribe(randomUUID())).rejects.toEqual(INVALID_CONFIGURATION);
    });

    it('ends once, whether the dataset is there or not', async () => {
      const [phone] = await twoSubscribers();
      await service.operations.DeleteDataset(dataset(), caller);
      expect(await unsubscribe(phone)).toEqual({});
      await expect(unsubscribe(phone)).rejects.toEqual(
        error('ResourceNotFoundException', `Subscription of Device '${phone}' to Dataset 'game' not found`),
      );
    });
  });

  describe('a change', () => {
    it('is told to all devices but the one that made it', async () => {
      const [phone, tablet] = await twoSubscribers();
      expect(told.sent).toEqual([]);
      await write({ DeviceId: phone });
      expect(told.sent).toEqual([
        {
          device: { deviceId: tablet, platform: 'APNS', endpoint: 'arn:endpoint:2' },
          message: {
            aps: { 'content-available': 1 },
            data: {
              source: 'cognito-sync',
              identityPoolId: IdentityPoolId,
              identityId: IdentityId,
              datasetName: 'game',
              syncCount: 2,
            },
          },
        },
      ]);
      expect(told.reports).toEqual([
        {
          identityPoolId: IdentityPoolId,
          identityId: IdentityId,
          datasetName: 'game',
          syncCount: 2,
          devices: 1,
          sent: 1,
          disabled: 0,
          failed: 0,
          errors: [],
        },
      ]);
    });

    it.each<[string, { DeviceId?: string; as?: Caller }]>([
      ['nobody says from where', {}],
      ['comes from a device that is none of these', { DeviceId: 'my phone' }],
      ['a developer makes', { as: DEVELOPER }],
    ])('that %s is told to all', async (_, by) => {
      const ids = await twoSubscribers();
      await write(by);
      expect(reached()).toEqual([...ids].sort());
    });

    it('is told in the form of each platform', async () => {
      await write();
      await subscribe(await register('a', 'GCM'));
      await write();
      expect(told.sent).toMatchObject([
        { device: { platform: 'GCM' }, message: { data: { syncCount: '2' } } },
      ]);
    });

    it('that is none is told to nobody: no patches, a stale one, a spent token', async () => {
      await twoSubscribers();
      const { SyncSessionToken } = await service.operations.ListRecords(dataset(), caller);
      const update = { ...dataset(), SyncSessionToken };
      await service.operations.UpdateRecords(update, caller);
      const stale = { ...update, RecordPatches: [put('score', 'x', 0)] };
      await expect(service.operations.UpdateRecords(stale, caller)).rejects.toThrow('Current SyncCount');
      expect(told.reports).toEqual([]);
    });

    it('of which the sync trigger leaves nothing is told to nobody', async () => {
      await begin({ pushSync: PUSH_SYNC, syncTrigger: SYNC_TRIGGER });
      await write({ as: DEVELOPER });
      await subscribe(await register());
      await write();
      expect(told.reports).toEqual([]);
      await write({ as: DEVELOPER });
      expect(told.sent).toMatchObject([{ message: { data: { syncCount: 2 } } }]);
    });

    it('through the sync trigger is told as any other', async () => {
      await begin({ pushSync: PUSH_SYNC, syncTrigger: SYNC_TRIGGER });
      await write({ as: DEVELOPER });
      service = createSyncService(database, {}, undefined, {
        push: told.push,
        invokeFunction: async (_, event) => event,
      });
      await subscribe(await register());
      await write();
      expect(told.sent).toMatchObject([{ message: { data: { syncCount: 2 } } }]);
    });

    it('that deletes the dataset is told to nobody; made again, the dataset has its subscribers', async () => {
      const ids = await twoSubscribers();
      await service.operations.DeleteDataset(dataset(), caller);
      expect(told.reports).toEqual([]);
      await write();
      expect(reached()).toEqual([...ids].sort());
      expect(told.sent[0]).toMatchObject({ message: { data: { syncCount: 3 } } });
    });

    it('is told to no device that unsubscribed', async () => {
      const [phone, tablet] = await twoSubscribers();
      await unsubscribe(phone);
      await write();
      expect(reached()).toEqual([tablet]);
    });

    it('is told to a hundred devices, those that registered last', async () => {
      await write();
      for (let index = 0; index <= 100; index += 1) {
        service.clock.now += 1;
        await subscribe(await register(`token ${index}`));
      }
      const [first] = (await told.push.devices.readSubscribers(keyOf(dataset()), 1_000)).slice(-1);
      await write();
      expect(reached()).toHaveLength(100);
      expect(reached()).not.toContain(first?.deviceId);
    });
  });

  describe('the caller gets the answer', () => {
    const WRITTEN = { Records: [expect.objectContaining({ Key: 'score', SyncCount: 2 })] };

    it('whatever becomes of the messages, which the others get', async () => {
      const [phone, tablet] = await twoSubscribers();
      const third = await register('watch');
      await subscribe(third);
      told.script.send = async ({ deviceId }) => {
        if (deviceId === phone) throw new PushError('disabled', 'gone');
        if (deviceId === tablet) throw new TypeError(`no way for ${TOKEN}`);
      };
      expect(await write()).toEqual(WRITTEN);
      expect(reached()).toEqual([third]);
      expect(told.reports).toMatchObject([
        { devices: 3, sent: 1, disabled: 1, failed: 1, errors: ['TypeError'] },
      ]);
      expect(JSON.stringify(told.reports)).not.toContain(TOKEN);
    });

    it('when the time of the messages is over, though some are still under way', async () => {
      const [phone] = await twoSubscribers();
      told.script.send = ({ deviceId }) =>
        deviceId === phone ? new Promise(() => undefined) : Promise.resolve();
      told.script.sleep = async () => {
        await expect.poll(reached).toHaveLength(1);
      };
      expect(await write()).toEqual(WRITTEN);
      expect(told.slept).toEqual([300]);
      expect(told.reports).toMatchObject([{ devices: 2, sent: 1, disabled: 0, failed: 0 }]);
    });

    it('when the time is over before the devices are read', async () => {
      await twoSubscribers();
      told.script.devices = { ...told.script.devices, readSubscribers: () => new Promise(() => undefined) };
      told.script.sleep = async () => undefined;
      expect(await write()).toEqual(WRITTEN);
      expect(told.reports).toMatchObject([{ devices: null, sent: 0, errors: [] }]);
    });

    it('when the devices cannot be read', async () => {
      await twoSubscribers();
      const broken = () => Promise.reject(new RangeError('no'));
      told.script.devices = { ...told.script.devices, readSubscribers: broken };
      expect(await write()).toEqual(WRITTEN);
      expect(told.reports).toMatchObject([{ devices: null, sent: 0, errors: ['RangeError'] }]);
    });

    it('and the devices are not read where there are none', async () => {
      await write();
      await write();
      expect(told.slept).toEqual([]);
      expect(told.reports).toEqual([]);
    });
  });
});

function keyOf(dataset: { IdentityPoolId: string; IdentityId: string; DatasetName: string }) {
  return {
    identityPoolId: dataset.IdentityPoolId,
    identityId: dataset.IdentityId,
    datasetName: dataset.DatasetName,
  };
}
