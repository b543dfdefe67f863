import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { datasetId } from '../../../lib/database/row-ids.ts';
import type { DeviceStore, Registration } from '../../../lib/sync/ports/push.ts';
import { createPushStore } from '../../../lib/sync/store/push-store.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TOKEN = 'A0-secret-token';

describe.each(SERVICE_DATABASES)('the push store on $name', ({ open }) => {
  let database: Database;
  let store: DeviceStore;
  let identityId: string;
  let phone: Registration;

  beforeAll(async () => {
    database = await open();
    store = createPushStore(database);
  });
  afterAll(() => database.close());
  beforeEach(() => {
    identityId = `us-east-1:${randomUUID()}`;
    phone = { identityPoolId: POOL, identityId, platform: 'APNS', token: TOKEN };
  });
  const dataset = (datasetName = 'game') => ({ identityPoolId: POOL, identityId, datasetName });
  const register = (
    change: Partial<Registration> = {},
    endpoint = 'arn:e',
    at = NEW_YEAR,
    maxDevices = 100,
  ) => store.register({ ...phone, ...change }, endpoint, { at, maxDevices });
  const subscribe = (deviceId: string, to = dataset()) => store.subscribe(to, deviceId, NEW_YEAR);
  const subscribers = async (of = dataset(), limit = 100) =>
    (await store.readSubscribers(of, limit)).map(({ deviceId }) => deviceId);

  describe('a device', () => {
    it('gets a new id and is found by this id', async () => {
      const deviceId = await register();
      expect(deviceId).toMatch(UUID);
      expect(await store.hasDevice(deviceId)).toBe(true);
      expect(await store.hasDevice(randomUUID())).toBe(false);
    });

    it('keeps its id and gets the new endpoint when it registers again', async () => {
      const deviceId = await register();
      await subscribe(deviceId);
      expect(await register({}, 'arn:new', NEW_YEAR + 1)).toBe(deviceId);
      expect(await store.readSubscribers(dataset(), 100)).toEqual([
        { deviceId, platform: 'APNS', endpoint: 'arn:new', registeredAt: NEW_YEAR + 1 },
      ]);
    });

    describe('that is disabled', () => {
      async function readDevice() {
        const [device] = await store.readSubscribers(dataset(), 100);
        if (device === undefined) throw new Error('no device subscribes');
        return device;
      }

      it('is not notified until it registers again, and keeps its id and subscriptions', async () => {
        const deviceId = await register();
        const other = await register({ token: 'other' }, 'arn:other', NEW_YEAR - 1);
        for (const id of [deviceId, other]) await subscribe(id);
        const device = await readDevice();
        expect(await store.disable(device)).toBe(true);
        expect(await store.disable(device)).toBe(false);
        expect(await subscribers()).toEqual([other]);
        expect(await store.hasDevice(deviceId)).toBe(true);
        expect(await register({}, 'arn:e', NEW_YEAR + 1)).toBe(deviceId);
        expect(await subscribers()).toEqual([deviceId, other]);
      });

      it('loses its endpoint', async () => {
        const deviceId = await register({}, 'an endpoint with a token');
        await subscribe(deviceId);
        await store.disable(await readDevice());
        const { rows } = await database.query('SELECT endpoint FROM sync.devices WHERE device_id = $1', [
          deviceId,
        ]);
        expect(rows).toEqual([{ endpoint: '' }]);
      });

      it('remains enabled if it registered again after it was read', async () => {
        const deviceId = await register();
        await subscribe(deviceId);
        const device = await readDevice();
        await register({}, device.endpoint, NEW_YEAR + 1);
        expect(await store.disable(device)).toBe(false);
        expect(await subscribers()).toEqual([deviceId]);
      });

      it('does not count towards the maximum number of devices that are read', async () => {
        const deviceId = await register();
        const other = await register({ token: 'other' }, 'arn:other', NEW_YEAR - 1);
        for (const id of [deviceId, other]) await subscribe(id);
        await store.disable(await readDevice());
        expect(await subscribers(dataset(), 1)).toEqual([other]);
      });
    });

    it('gets the same id from concurrent registrations', async () => {
      const ids = await Promise.all(Array.from({ length: 8 }, () => register()));
      expect(new Set(ids).size).toBe(1);
    });

    it.each<[string, Partial<Registration>]>([
      ['pool', { identityPoolId: 'us-east-1:1' }],
      ['identity', { identityId: 'us-east-1:1' }],
      ['platform', { platform: 'APNS_SANDBOX' }],
      ['token', { token: 'other' }],
    ])('is a new device if its %s differs', async (_, change) => {
      expect(await register(change)).not.toBe(await register());
    });

    it('is stored without its token', async () => {
      await register();
      const { rows } = await database.query('SELECT * FROM sync.devices WHERE identity_id = $1', [
        identityId,
      ]);
      expect(rows).toHaveLength(1);
      expect(JSON.stringify(rows)).not.toContain(TOKEN);
    });
  });

  describe('a device that registers although its identity already has the maximum number of devices', () => {
    const devicesOf = async () => {
      const { rows } = await database.query<{ device_id: string }>(
        'SELECT device_id FROM sync.devices WHERE identity_id = $1',
        [identityId],
      );
      return rows.map((row) => row.device_id).sort();
    };
    const registerNth = (nth: number, maxDevices: number, at = NEW_YEAR + nth) =>
      register({ token: `token ${nth}` }, 'arn:e', at, maxDevices);
    const createDataset = (datasetName: string) =>
      database.query(
        `INSERT INTO sync.datasets (
           dataset_id, identity_pool_id, identity_id, dataset_name, sync_count, deleted_sync_count, creation_ms,
           last_modified_ms, last_modified_by, data_storage, record_count)
         VALUES ($1, $2, $3, $4, 1, 0, 0, 0, 'writer', 0, 0)`,
        [datasetId(dataset(datasetName)), POOL, identityId, datasetName],
      );

    it('replaces the device that registered least recently, with its subscriptions', async () => {
      await createDataset('game');
      const [first = '', second = ''] = [await registerNth(1, 2), await registerNth(2, 2)];
      await subscribe(first);
      await subscribe(second);
      // If a device registers again, it becomes the device that registered last.
      await registerNth(1, 2, NEW_YEAR + 3);
      const third = await registerNth(4, 2);
      expect(await devicesOf()).toEqual([first, third].sort());
      expect(await subscribers()).toEqual([first]);
      const { rows } = await database.query('SELECT 1 FROM sync.subscriptions WHERE device_id = $1', [
        second,
      ]);
      expect(rows).toEqual([]);
    });

    it('is not the device that is removed, even if the clock of its host is behind', async () => {
      await registerNth(1, 2);
      await registerNth(2, 2);
      const late = await registerNth(0, 2, NEW_YEAR - 1);
      expect(await devicesOf()).toContain(late);
      expect(await devicesOf()).toHaveLength(2);
    });

    it('does not replace devices of other identities', async () => {
      const other = await register({ identityId: `us-east-1:${randomUUID()}` });
      for (const nth of [1, 2, 3]) await registerNth(nth, 1);
      expect(await store.hasDevice(other)).toBe(true);
      expect(await devicesOf()).toHaveLength(1);
    });

    it('reduces the devices of its identity to the limit if the limit was lowered far below their number', async () => {
      for (let nth = 1; nth <= 12; nth += 1) await registerNth(nth, 100);
      const last = await registerNth(13, 1);
      expect(await devicesOf()).toEqual([last]);
    });
  });

  describe('a subscription', () => {
    it('covers only the given dataset of the given identity', async () => {
      const deviceId = await register();
      expect(await subscribe(deviceId)).toBe(true);
      expect(await store.readSubscribers(dataset(), 100)).toEqual([
        { deviceId, platform: 'APNS', endpoint: 'arn:e', registeredAt: NEW_YEAR },
      ]);
      expect(await subscribers(dataset('Game'))).toEqual([]);
      expect(await subscribers({ ...dataset(), identityId: 'us-east-1:2' })).toEqual([]);
      expect(await subscribers({ ...dataset(), identityPoolId: 'us-east-1:2' })).toEqual([]);
    });

    it('is idempotent', async () => {
      const deviceId = await register();
      expect(await subscribe(deviceId)).toBe(true);
      expect(await subscribe(deviceId)).toBe(true);
      expect(await subscribers()).toEqual([deviceId]);
    });

    it('is rejected for a device of another identity or pool', async () => {
      for (const change of [{ identityId: 'us-east-1:2' }, { identityPoolId: 'us-east-1:2' }]) {
        expect(await subscribe(await register(change))).toBe(false);
      }
      expect(await subscribers()).toEqual([]);
    });

    it('can be removed only once, and only the removed subscription ends', async () => {
      const deviceId = await register();
      const other = await register({ token: 'other' });
      await subscribe(deviceId);
      await subscribe(other);
      await subscribe(deviceId, dataset('notes'));
      expect(await store.unsubscribe(dataset(), deviceId)).toBe(true);
      expect(await store.unsubscribe(dataset(), deviceId)).toBe(false);
      expect(await subscribers()).toEqual([other]);
      expect(await subscribers(dataset('notes'))).toEqual([deviceId]);
    });
  });

  it('returns the devices that registered last if more devices subscribe than the limit allows', async () => {
    const ids: string[] = [];
    for (const index of [0, 1, 2]) {
      const deviceId = await register({ token: `token ${index}` }, 'arn:e', NEW_YEAR + index);
      await subscribe(deviceId);
      ids.push(deviceId);
    }
    expect(await subscribers(dataset(), 2)).toEqual([ids[2], ids[1]]);
    await register({ token: 'token 0' }, 'arn:e', NEW_YEAR + 3);
    expect(await subscribers(dataset(), 2)).toEqual([ids[0], ids[2]]);
  });

  it.each(['', 'my phone', "';--", 'ü\u{1f600}', 'x'.repeat(256)])(
    'finds no device with the id %j',
    async (deviceId) => {
      expect(await store.hasDevice(deviceId)).toBe(false);
      expect(await subscribe(deviceId)).toBe(false);
      expect(await store.unsubscribe(dataset(), deviceId)).toBe(false);
    },
  );

  it('treats device ids as case-sensitive', async () => {
    const deviceId = await register();
    await subscribe(deviceId);
    const upper = deviceId.replace(/^.{8}/, 'AAAAAAAA').toUpperCase();
    await database.query('UPDATE sync.devices SET device_id = $2 WHERE device_id = $1', [
      deviceId,
      upper.toLowerCase(),
    ]);
    expect(await store.hasDevice(upper.toLowerCase())).toBe(true);
    expect(await store.hasDevice(upper)).toBe(false);
    expect(await subscribe(upper)).toBe(false);
  });
});
