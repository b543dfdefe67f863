import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from '../../../lib/common/caller.ts';
import type { Database } from '../../../lib/database/database.ts';
import type { Limits } from '../../../lib/sync/limits.ts';
import type { IdentityPool } from '../../../lib/sync/ports/pool-store.ts';
import {
  type PushChannel,
  type PushDevice,
  PushError,
  type PushPlatform,
} from '../../../lib/sync/ports/push.ts';
import {
  type DisabledDevice,
  limitReads,
  type Push,
  type PushReport,
} from '../../../lib/sync/push/push-to-devices.ts';
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

/** Returns push dependencies whose results the test can set. By default, every call succeeds. */
function scriptPush(database: Database) {
  const registered: Parameters<PushChannel['register']>[0][] = [];
  const sent: { device: PushDevice; message: unknown }[] = [];
  const reports: PushReport[] = [];
  const disabled: DisabledDevice[] = [];
  const script = {
    register: async (): Promise<string> => `arn:endpoint:${registered.length}`,
    send: async (_: PushDevice): Promise<void> => undefined,
    sleep: (): Promise<void> => new Promise(() => undefined),
    devices: createPushStore(database),
    maxWaitMs: 300 as number | null,
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
    get maxWaitMs() {
      return script.maxWaitMs;
    },
    sleep: (ms) => {
      slept.push(ms);
      return script.sleep();
    },
    report: (report) => reports.push(report),
    onDisabled: (device) => disabled.push(device),
  };
  return { push, script, registered, sent, reports, disabled, slept };
}

describe('push sync', () => {
  let database: Database;
  let IdentityPoolId: string;
  let IdentityId: string;
  let caller: Caller;
  let fake: ReturnType<typeof scriptPush>;
  let service: ReturnType<typeof createSyncService>;

  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());
  beforeEach(() => setUp({ pushSync: PUSH_SYNC }));

  async function setUp(pool: Partial<IdentityPool>, limits: Partial<Limits> = {}): Promise<void> {
    IdentityPoolId = await newPool(database, pool);
    IdentityId = `us-east-1:${randomUUID()}`;
    caller = { kind: 'identity', identityPoolId: IdentityPoolId, identityId: IdentityId };
    fake = scriptPush(database);
    service = createSyncService(database, limits, undefined, {
      push: fake.push,
      // The sync trigger removes every record from an update.
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
  /** Registers two devices that subscribe to a dataset with count 1. */
  async function twoSubscribers(): Promise<[phone: string, tablet: string]> {
    await write();
    const ids: [string, string] = [await register('phone'), await register('tablet')];
    for (const id of ids) await subscribe(id);
    return ids;
  }
  const reached = () => fake.sent.map(({ device }) => device.deviceId).sort();

  describe('rejects callers other than the identity itself', () => {
    const otherCallers: [string, () => Caller][] = [
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
    it.each(otherCallers)('%s', async (_, otherCaller) => {
      const [phone] = await twoSubscribers();
      await expect(registerAs(otherCaller())).rejects.toEqual(NOT_AUTHORIZED);
      await expect(subscribe(phone, otherCaller())).rejects.toEqual(NOT_AUTHORIZED);
      await expect(unsubscribe(phone, otherCaller())).rejects.toEqual(NOT_AUTHORIZED);
      IdentityPoolId = 'us-east-1:0';
      await expect(registerAs(DEVELOPER)).rejects.toEqual(NOT_AUTHORIZED);
      expect(fake.registered).toHaveLength(2);
    });
  });

  describe('RegisterDevice', () => {
    it('registers the device with the first application of its platform', async () => {
      const applicationArns = [
        GCM_APP,
        APNS_APP,
        `${APNS_APP}-2`,
        'arn:aws:sns:us-east-1:0:app/APNS_SANDBOX/APNS',
      ];
      await setUp({ pushSync: { applicationArns, roleArn: null } });
      await register();
      await register('t', 'APNS_SANDBOX');
      expect(fake.registered).toEqual([
        { applicationArn: APNS_APP, platform: 'APNS', token: TOKEN },
        { applicationArn: applicationArns[3], platform: 'APNS_SANDBOX', token: 't' },
      ]);
    });

    it('replaces the endpoint of a known device', async () => {
      await write();
      const phone = await register();
      expect(await register()).toBe(phone);
      await subscribe(phone);
      await write();
      expect(fake.sent).toMatchObject([{ device: { deviceId: phone, endpoint: 'arn:endpoint:2' } }]);
    });

    it('keeps only the devices of an identity that registered most recently', async () => {
      await setUp({ pushSync: PUSH_SYNC }, { devicesPerIdentity: 2 });
      await write();
      const devices = [];
      for (const token of ['a', 'b', 'c']) {
        service.clock.now += 1_000;
        devices.push(await register(token));
      }
      const [first = '', ...others] = devices;
      await expect(subscribe(first)).rejects.toEqual(
        error('ResourceNotFoundException', `Device '${first}' not found`),
      );
      for (const device of others) await subscribe(device);
      await write();
      expect(reached()).toEqual(others.toSorted());
    });

    it.each<[string, Partial<IdentityPool>]>([
      ['no push sync', {}],
      ['no applications', { pushSync: { applicationArns: [], roleArn: 'arn:role' } }],
      ['no application of the platform', { pushSync: { applicationArns: [GCM_APP], roleArn: null } }],
    ])('fails if the pool has %s', async (_, pool) => {
      await setUp(pool);
      await expect(register()).rejects.toEqual(INVALID_CONFIGURATION);
      expect(fake.registered).toEqual([]);
    });

    it('fails if the pool does not exist', async () => {
      IdentityPoolId = 'us-east-1:0';
      caller = { kind: 'identity', identityPoolId: IdentityPoolId, identityId: IdentityId };
      const notFound = error('ResourceNotFoundException', "IdentityPool 'us-east-1:0' not found");
      await expect(register()).rejects.toEqual(notFound);
      await expect(subscribe(randomUUID())).rejects.toEqual(notFound);
    });

    it('fails and stores nothing if the push channel rejects the device', async () => {
      fake.script.register = () => Promise.reject(new PushError('refused', `not taken by ${APNS_APP}`));
      await expect(register()).rejects.toEqual(
        error('InvalidConfigurationException', `not taken by ${APNS_APP}`),
      );
      const failure = new Error('SNS is not there');
      fake.script.register = () => Promise.reject(failure);
      await expect(register()).rejects.toBe(failure);
      const { rows } = await database.query('SELECT 1 FROM sync.devices WHERE identity_id = $1', [
        IdentityId,
      ]);
      expect(rows).toEqual([]);
    });
  });

  describe('a subscription', () => {
    const deviceNotFound = (id: string) => error('ResourceNotFoundException', `Device '${id}' not found`);
    const DATASET_NOT_FOUND = error('ResourceNotFoundException', "Dataset 'game' not found");

    it('requires an existing dataset', async () => {
      const phone = await register();
      await expect(subscribe(phone)).rejects.toEqual(DATASET_NOT_FOUND);
      await write();
      expect(await subscribe(phone)).toEqual({});
      expect(await subscribe(phone)).toEqual({});
      await service.operations.DeleteDataset(dataset(), caller);
      await expect(subscribe(phone)).rejects.toEqual(DATASET_NOT_FOUND);
    });

    it('requires a device of the identity', async () => {
      const ofOther = await register();
      IdentityId = `us-east-1:${randomUUID()}`;
      caller = { kind: 'identity', identityPoolId: IdentityPoolId, identityId: IdentityId };
      await write();
      for (const id of [ofOther, randomUUID(), 'my phone']) {
        await expect(subscribe(id)).rejects.toEqual(deviceNotFound(id));
      }
    });

    it('requires push sync to be configured', async () => {
      await setUp({});
      await write();
      await expect(subscribe(randomUUID())).rejects.toEqual(INVALID_CONFIGURATION);
    });

    it('can be ended only once, even if the dataset was deleted', async () => {
      const [phone] = await twoSubscribers();
      await service.operations.DeleteDataset(dataset(), caller);
      expect(await unsubscribe(phone)).toEqual({});
      await expect(unsubscribe(phone)).rejects.toEqual(
        error('ResourceNotFoundException', `Subscription of Device '${phone}' to Dataset 'game' not found`),
      );
    });
  });

  describe('a change', () => {
    it('notifies all devices except the device that made the change', async () => {
      const [phone, tablet] = await twoSubscribers();
      expect(fake.sent).toEqual([]);
      await write({ DeviceId: phone });
      expect(fake.sent).toEqual([
        {
          device: {
            deviceId: tablet,
            platform: 'APNS',
            endpoint: 'arn:endpoint:2',
            registeredAt: service.clock.now,
          },
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
      expect(fake.reports).toEqual([
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
      ['without a DeviceId', {}],
      ['with an unknown DeviceId', { DeviceId: 'my phone' }],
      ['by a developer', { as: DEVELOPER }],
    ])('%s notifies all devices', async (_, by) => {
      const ids = await twoSubscribers();
      await write(by);
      expect(reached()).toEqual([...ids].sort());
    });

    it('notifies each device in the message format of its platform', async () => {
      await write();
      await subscribe(await register('a', 'GCM'));
      await write();
      expect(fake.sent).toMatchObject([
        { device: { platform: 'GCM' }, message: { data: { syncCount: '2' } } },
      ]);
    });

    it('notifies no device if nothing is written: without patches, or with a stale patch', async () => {
      await twoSubscribers();
      const { SyncSessionToken } = await service.operations.ListRecords(dataset(), caller);
      const update = { ...dataset(), SyncSessionToken };
      await service.operations.UpdateRecords(update, caller);
      const stale = { ...update, RecordPatches: [put('score', 'x', 0)] };
      await expect(service.operations.UpdateRecords(stale, caller)).rejects.toThrow('Current SyncCount');
      expect(fake.reports).toEqual([]);
    });

    it('notifies no device if the sync trigger leaves nothing to write', async () => {
      await setUp({ pushSync: PUSH_SYNC, syncTrigger: SYNC_TRIGGER });
      await write({ as: DEVELOPER });
      await subscribe(await register());
      await write();
      expect(fake.reports).toEqual([]);
      await write({ as: DEVELOPER });
      expect(fake.sent).toMatchObject([{ message: { data: { syncCount: 2 } } }]);
    });

    it('notifies the devices if the sync trigger leaves something to write', async () => {
      await setUp({ pushSync: PUSH_SYNC, syncTrigger: SYNC_TRIGGER });
      await write({ as: DEVELOPER });
      service = createSyncService(database, {}, undefined, {
        push: fake.push,
        invokeFunction: async (_, event) => event,
      });
      await subscribe(await register());
      await write();
      expect(fake.sent).toMatchObject([{ message: { data: { syncCount: 2 } } }]);
    });

    it('notifies no device if it deletes the dataset; a recreated dataset still has the subscribers', async () => {
      const ids = await twoSubscribers();
      await service.operations.DeleteDataset(dataset(), caller);
      expect(fake.reports).toEqual([]);
      await write();
      expect(reached()).toEqual([...ids].sort());
      expect(fake.sent[0]).toMatchObject({ message: { data: { syncCount: 3 } } });
    });

    it('does not notify a device that unsubscribed', async () => {
      const [phone, tablet] = await twoSubscribers();
      await unsubscribe(phone);
      await write();
      expect(reached()).toEqual([tablet]);
    });

    it('notifies at most 100 devices: those that registered last', async () => {
      await setUp({ pushSync: PUSH_SYNC }, { devicesPerIdentity: 200 });
      await write();
      for (let index = 0; index <= 100; index += 1) {
        service.clock.now += 1;
        await subscribe(await register(`token ${index}`));
      }
      const [first] = (await fake.push.devices.readSubscribers(keyOf(dataset()), 1_000)).slice(-1);
      await write();
      expect(reached()).toHaveLength(100);
      expect(reached()).not.toContain(first?.deviceId);
    });
  });

  describe('the caller of a change receives the response', () => {
    const WRITTEN = { Records: [expect.objectContaining({ Key: 'score', SyncCount: 2 })] };

    it('if some messages fail; the other devices are still notified', async () => {
      const [phone, tablet] = await twoSubscribers();
      const [third, fourth] = [await register('watch'), await register('television')];
      for (const id of [third, fourth]) await subscribe(id);
      fake.script.send = async ({ deviceId }) => {
        if (deviceId === phone) throw new PushError('disabled', 'gone');
        if (deviceId === tablet) throw new TypeError(`no way for ${TOKEN}`);
        if (deviceId === fourth) throw new PushError('failed', 'wrong key');
      };
      expect(await write()).toEqual(WRITTEN);
      expect(reached()).toEqual([third]);
      expect(fake.reports).toMatchObject([{ devices: 4, sent: 1, disabled: 1, failed: 2 }]);
      expect(fake.reports[0]?.errors.toSorted()).toEqual(['TypeError', 'wrong key']);
      expect(JSON.stringify(fake.reports)).not.toContain(TOKEN);
    });

    it('if a device is disabled, which is reported once; the device is notified after it registers again', async () => {
      const [phone, tablet] = await twoSubscribers();
      fake.script.send = async ({ deviceId }) => {
        if (deviceId === phone) throw new PushError('disabled', 'gone');
      };
      expect(await write()).toEqual(WRITTEN);
      await write();
      expect(reached()).toEqual([tablet, tablet]);
      expect(fake.disabled).toEqual([{ deviceId: phone, platform: 'APNS', reason: 'gone' }]);
      expect(fake.reports).toMatchObject([
        { devices: 2, sent: 1, disabled: 1 },
        { devices: 1, sent: 1, disabled: 0 },
      ]);
      fake.script.send = async () => undefined;
      expect(await register('phone')).toBe(phone);
      fake.sent.length = 0;
      await write();
      expect(reached()).toEqual([phone, tablet].sort());
    });

    it('if a device cannot be disabled', async () => {
      await twoSubscribers();
      fake.script.send = () => Promise.reject(new PushError('disabled', 'gone'));
      fake.script.devices = { ...fake.script.devices, disable: () => Promise.reject(new RangeError('no')) };
      expect(await write()).toEqual(WRITTEN);
      expect(fake.reports).toMatchObject([{ devices: 2, disabled: 0, failed: 2, errors: ['RangeError'] }]);
    });

    it('after the time limit, even if messages are still in flight', async () => {
      const [phone] = await twoSubscribers();
      fake.script.send = ({ deviceId }) =>
        deviceId === phone ? new Promise(() => undefined) : Promise.resolve();
      fake.script.sleep = async () => {
        await expect.poll(reached).toHaveLength(1);
      };
      expect(await write()).toEqual(WRITTEN);
      expect(fake.slept).toEqual([300]);
      expect(fake.reports).toMatchObject([{ devices: 2, sent: 1, disabled: 0, failed: 0 }]);
    });

    it('after the time limit, even if reading the subscribed devices takes longer', async () => {
      await twoSubscribers();
      fake.script.devices = { ...fake.script.devices, readSubscribers: () => new Promise(() => undefined) };
      fake.script.sleep = async () => undefined;
      expect(await write()).toEqual(WRITTEN);
      expect(fake.reports).toMatchObject([{ devices: null, sent: 0, errors: [] }]);
    });

    it('before the messages are sent, if they are sent in the background', async () => {
      const [phone] = await twoSubscribers();
      const sending = Promise.withResolvers<void>();
      fake.script.maxWaitMs = null;
      fake.script.send = async ({ deviceId }) => {
        await sending.promise;
        if (deviceId === phone) throw new PushError('disabled', 'gone');
      };
      expect(await write()).toEqual(WRITTEN);
      expect([fake.sent, fake.reports, fake.slept]).toEqual([[], [], []]);
      sending.resolve();
      await expect.poll(() => fake.reports).toMatchObject([{ devices: 2, sent: 1, disabled: 1, failed: 0 }]);
      expect(fake.disabled).toMatchObject([{ deviceId: phone }]);
    });

    it('even if more changes than the limit allows wait until their subscribed devices are read', async () => {
      const reading = Promise.withResolvers<PushDevice[]>();
      const devices = limitReads({ ...fake.script.devices, readSubscribers: () => reading.promise });
      const reads = Array.from({ length: 1_000 }, () => devices.readSubscribers(keyOf(dataset()), 1));
      await twoSubscribers();
      fake.script.devices = { ...fake.script.devices, readSubscribers: devices.readSubscribers };
      expect(await write()).toEqual(WRITTEN);
      expect(fake.reports).toMatchObject([
        { devices: null, sent: 0, errors: ['too many changes wait until their subscribed devices are read'] },
      ]);
      reading.resolve([]);
      await Promise.all(reads);
      expect(await devices.readSubscribers(keyOf(dataset()), 1)).toEqual([]);
    });

    it('if the subscribed devices cannot be read', async () => {
      await twoSubscribers();
      const broken = () => Promise.reject(new RangeError('no'));
      fake.script.devices = { ...fake.script.devices, readSubscribers: broken };
      expect(await write()).toEqual(WRITTEN);
      expect(fake.reports).toMatchObject([{ devices: null, sent: 0, errors: ['RangeError'] }]);
    });

    it('without a read of the devices if no device subscribes', async () => {
      await write();
      await write();
      expect(fake.slept).toEqual([]);
      expect(fake.reports).toEqual([]);
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
