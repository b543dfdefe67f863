import { randomUUID } from 'node:crypto';
import { DeleteDatasetCommand } from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { openLocalCloud } from '../fixtures/local/local-cloud.ts';
import { readPush } from '../fixtures/sync/push-readers.ts';
import { isLocalPort } from '../fixtures/wire/entrance.ts';
import { googleToken } from '../fixtures/wire/login-tokens.ts';
import { list, remove, set, write } from '../fixtures/wire/sync-client.ts';
import { createMobileDevice, type MobileDevice } from './mobile-device.ts';
import type { Platform } from './mobile-requests.ts';
import { createPlayerPool, logInAtBackend } from './player-pool.ts';

const { cloud, client } = await openLocalCloud();
const IdentityPoolId = await createPlayerPool(cloud.url);

const SUCCESS = { success: true };
// A function URL converts the names of headers to lower case. It is unknown whether the SDK for iOS then finds the
// header with the error code.
const PLATFORMS: Platform[] = isLocalPort ? ['android', 'ios'] : ['android'];
let people = 0;
/** Returns the logins of a new person, whom no other test uses. */
const newLogins = () => {
  people += 1;
  return { 'accounts.google.com': googleToken(`person ${people}`) };
};

describe.each(PLATFORMS)('the %s SDK', (platform) => {
  const newDevice = () => createMobileDevice({ platform, url: cloud.url, identityPoolId: IdentityPoolId });

  /** Creates a device without data and logs in on it. Without logins, the user is a guest. */
  async function newPhone(logins?: Record<string, string>) {
    const phone = newDevice();
    await phone.logIn(logins);
    return phone;
  }

  /** Creates two devices of one person. Both devices have synced a dataset with a level. */
  async function newPair() {
    const logins = newLogins();
    const [phone, tablet] = [await newPhone(logins), await newPhone(logins)];
    const [game, other] = [phone.openDataset('game'), tablet.openDataset('game')];
    game.put('level', '1');
    expect(await game.synchronize()).toEqual(SUCCESS);
    expect(await other.synchronize()).toEqual(SUCCESS);
    phone.remote.takeCalls();
    tablet.remote.takeCalls();
    return { phone, tablet, game, other };
  }

  const identityOf = (device: MobileDevice) => ({ IdentityPoolId, IdentityId: device.identityId() });

  it.each([
    ['a guest', () => ({})],
    ['a login', newLogins],
  ])('replaces a cached identity id that the service does not know, for %s', async (_, loginsOf) => {
    const cachedIdentityId = `us-east-1:${randomUUID()}`;
    const phone = createMobileDevice({
      platform,
      url: cloud.url,
      identityPoolId: IdentityPoolId,
      cachedIdentityId,
    });
    await phone.logIn(loginsOf());
    expect(phone.identityId()).not.toBe(cachedIdentityId);
    const game = phone.openDataset('game');
    game.put('level', '1');
    expect(await game.synchronize()).toEqual(SUCCESS);
  });

  it('pushes a new dataset with one listing and one update, and is then in sync', async () => {
    const phone = await newPhone();
    const game = phone.openDataset('game');
    game.put('level', '7 ü 😀');
    game.put('empty', '');
    expect(await game.synchronize()).toEqual(SUCCESS);
    expect(phone.remote.takeCalls()).toEqual(['ListRecords 0', 'UpdateRecords']);
    expect(game.local).toEqual({
      lastSyncCount: 1,
      records: new Map([
        ['level', { value: '7 ü 😀', syncCount: 1, isModified: false }],
        ['empty', { value: '', syncCount: 1, isModified: false }],
      ]),
    });
    expect(await game.synchronize()).toEqual(SUCCESS);
    expect(phone.remote.takeCalls()).toEqual(['ListRecords 1']);
  });

  it('pulls changes and removals of another device, and uses the listing’s token for its own push', async () => {
    const { tablet, game, other } = await newPair();
    game.put('coins', '3');
    game.remove('level');
    await game.synchronize();
    other.put('name', 'Ada');
    expect(await other.synchronize()).toEqual(SUCCESS);
    expect(tablet.remote.takeCalls()).toEqual(['ListRecords 1', 'UpdateRecords']);
    expect(other.values()).toEqual({ coins: '3', name: 'Ada' });
    expect(other.local.records.get('level')).toMatchObject({ value: null, syncCount: 2 });
    expect(other.local.lastSyncCount).toBe(3);
  });

  it('creates a removed key again with the sync count of its tombstone', async () => {
    const { game } = await newPair();
    game.remove('level');
    await game.synchronize();
    game.put('level', '2');
    expect(await game.synchronize()).toEqual(SUCCESS);
    expect(game.local.records.get('level')).toEqual({ value: '2', syncCount: 3, isModified: false });
  });

  it('lets the app resolve a conflict if the listing contains a record that the device changed too', async () => {
    const { game, other } = await newPair();
    game.put('level', '2');
    await game.synchronize();
    other.put('level', '3');
    const seen: unknown[] = [];
    const onConflict = (conflict: unknown) => {
      seen.push(conflict);
      return 'local' as const;
    };
    expect(await other.synchronize({ onConflict })).toEqual(SUCCESS);
    expect(seen).toMatchObject([{ key: 'level', remote: { value: '2', syncCount: 2 } }]);
    expect(other.local.records.get('level')).toEqual({ value: '3', syncCount: 3, isModified: false });
    await game.synchronize();
    expect(game.values()).toEqual({ level: '3' });
  });

  it('lists again and succeeds if another device writes the same record between listing and update', async () => {
    const { tablet, game, other } = await newPair();
    other.put('level', '3');
    let isFirst = true;
    const onceListed = async () => {
      if (!isFirst) return;
      isFirst = false;
      game.put('level', '2');
      await game.synchronize();
    };
    expect(await other.synchronize({ onceListed, onConflict: () => 'local' })).toEqual(SUCCESS);
    expect(tablet.remote.takeCalls()).toEqual([
      'ListRecords 1',
      'UpdateRecords',
      'ListRecords 1',
      'UpdateRecords',
    ]);
    expect(other.local).toMatchObject({ lastSyncCount: 3 });
    expect(other.values()).toEqual({ level: '3' });
  });

  it('lists from a lower sync count after a conflict, so that the listing returns the record that the device missed', async () => {
    const { phone, game } = await newPair();
    game.put('coins', '1');
    await game.synchronize();
    game.put('level', '2');
    await game.synchronize();
    // This state occurs in real apps: the device has the sync count of the dataset, but not that of the record.
    game.local.records.set('level', { value: '9', syncCount: 0, isModified: true });
    phone.remote.takeCalls();
    expect(await game.synchronize({ onConflict: () => 'local' })).toEqual(SUCCESS);
    expect(phone.remote.takeCalls()).toEqual([
      'ListRecords 3',
      'UpdateRecords',
      'ListRecords 0',
      'UpdateRecords',
    ]);
    expect(game.values()).toEqual({ coins: '1', level: '9' });
    expect(game.local.lastSyncCount).toBe(4);
  });

  it('fetches a record that another device wrote between listing and update with the next sync', async () => {
    const { game, other } = await newPair();
    other.put('name', 'Ada');
    const onceListed = async () => {
      game.put('coins', '1');
      await game.synchronize();
    };
    expect(await other.synchronize({ onceListed })).toEqual(SUCCESS);
    expect(other.local.lastSyncCount).toBe(1);
    expect(other.values()).toEqual({ level: '1', name: 'Ada' });
    expect(await other.synchronize()).toEqual(SUCCESS);
    expect(other.values()).toEqual({ level: '1', name: 'Ada', coins: '1' });
    expect(other.local.lastSyncCount).toBe(3);
  });

  it('fails the sync and keeps its data if the service does not know the dataset that the device has synced', async () => {
    const phone = await newPhone();
    const game = phone.openDataset('game');
    game.put('level', '1');
    // A device has a sync count above 0 for an unknown dataset if it has synced with another service.
    game.local.lastSyncCount = 7;
    const sync = game.synchronize({ onDatasetDeleted: () => true });
    await expect(sync).rejects.toMatchObject({ code: 'InvalidParameterException' });
    expect(game.values()).toEqual({ level: '1' });
    expect(game.local.lastSyncCount).toBe(7);
  });

  it('deletes a dataset from the service, even if it is already deleted', async () => {
    const { phone, game, other } = await newPair();
    game.delete();
    expect(await game.synchronize()).toEqual(SUCCESS);
    expect(phone.remote.takeCalls()).toEqual(['DeleteDataset game']);
    other.delete();
    expect(await other.synchronize()).toEqual(SUCCESS);
    expect(await list(client, identityOf(phone), 'game')).toMatchObject({ DatasetExists: false });
  });

  it('reports the deletion of a dataset once, and then syncs from sync count 0', async () => {
    const { game, other } = await newPair();
    game.delete();
    await game.synchronize();
    let deletions = 0;
    const onDatasetDeleted = () => {
      deletions += 1;
      return true;
    };
    expect(await other.synchronize({ onDatasetDeleted })).toEqual(SUCCESS);
    expect(other.local).toEqual({ records: new Map(), lastSyncCount: 0 });
    other.put('level', '5');
    expect(await other.synchronize({ onDatasetDeleted })).toEqual(SUCCESS);
    expect(deletions).toBe(1);
    await game.synchronize({ onDatasetDeleted });
    expect(game.values()).toEqual({ level: '5' });
    expect(deletions).toBe(1);
  });

  it('reports the deletion of a dataset that another device deleted and created again', async () => {
    const { phone, game, other } = await newPair();
    game.delete();
    await game.synchronize();
    await write(client, identityOf(phone), 'game', [set('fresh', 'x')]);
    let deletions = 0;
    const onDatasetDeleted = () => {
      deletions += 1;
      return true;
    };
    expect(await other.synchronize({ onDatasetDeleted })).toEqual(SUCCESS);
    expect(await other.synchronize({ onDatasetDeleted })).toEqual(SUCCESS);
    expect(deletions).toBe(1);
    expect(other.values()).toEqual({ fresh: 'x' });
  });

  it('pulls a dataset of the maximum size completely', async () => {
    const { phone, game, tablet, other } = await newPair();
    const keys = Array.from({ length: 1_023 }, (_, index) => `key-${index}`);
    await write(
      client,
      identityOf(phone),
      'game',
      keys.map((key) => set(key, 'value')),
    );
    const gone = keys.slice(0, 20);
    await write(
      client,
      identityOf(phone),
      'game',
      gone.map((key) => remove(key, 2)),
    );
    await write(
      client,
      identityOf(phone),
      'game',
      gone.map((key) => set(`new-${key}`, 'value')),
    );
    tablet.remote.takeCalls();
    expect(await other.synchronize()).toEqual(SUCCESS);
    expect(Object.keys(other.values())).toHaveLength(1_024);
    expect(other.local.lastSyncCount).toBe(4);
    // Android requests pages of 1,024 records. The listing also contains tombstones, so it does not fit into one page.
    const listings = platform === 'android' ? ['ListRecords 1', 'ListRecords 1'] : ['ListRecords 1'];
    expect(tablet.remote.takeCalls()).toEqual(listings);
    expect(await game.synchronize()).toEqual(SUCCESS);
    expect(game.local).toEqual(other.local);
  });

  it('finds the code, status and message of the service’s error', async () => {
    const phone = await newPhone();
    const { syncSessionToken: token } = await phone.remote.listUpdates('game', 0, undefined);
    const patches = [{ key: 'level', value: '1', syncCount: 0 }];
    await phone.remote.updateRecords('game', patches, token);
    const refused = (call: Promise<unknown>, code: string, status: number, message: RegExp) =>
      expect(call).rejects.toMatchObject({ code, status, message: expect.stringMatching(message) });
    const spent = phone.remote.updateRecords('game', patches, token);
    await refused(spent, 'InvalidParameterException', 400, /^SyncSessionToken not valid for these inputs$/);
    const tooHigh = phone.remote.listUpdates('game', 9, undefined);
    await refused(
      tooHigh,
      'InvalidParameterException',
      400,
      /^No such SyncCount: 9 exists for this Dataset$/,
    );
    const next = await phone.remote.listUpdates('game', 1, undefined);
    const stale = phone.remote.updateRecords('game', patches, next.syncSessionToken);
    await refused(stale, 'ResourceConflictException', 409, /^Current SyncCount for: level is: 1 not: 0$/);
    const unknownDataset = phone.remote.deleteDataset('none');
    await refused(unknownDataset, 'ResourceNotFoundException', 404, /./);
  });

  describe('when the user logs in', () => {
    it('offers the app copies of the guest’s datasets, which the app merges and deletes', async () => {
      const logins = newLogins();
      const tablet = await newPhone(logins);
      const known = tablet.openDataset('game');
      known.put('level', '8');
      await known.synchronize();
      const phone = await newPhone();
      const guestId = phone.identityId();
      const guest = phone.openDataset('game');
      guest.put('level', '2');
      guest.put('coins', '5');
      await guest.synchronize();

      await phone.logIn(logins);
      expect(phone.identityId()).toBe(tablet.identityId());
      const game = phone.openDataset('game');
      const offered: string[][] = [];
      const onDatasetsMerged = async (names: string[]) => {
        offered.push(names);
        for (const name of names) await mergeCopy(phone, name);
        return true;
      };
      const handlers = { onDatasetsMerged, onConflict: () => 'remote' as const };
      expect(await game.synchronize(handlers)).toEqual(SUCCESS);
      expect(offered[0]).toEqual([`game.${guestId}`]);
      expect(await game.synchronize(handlers)).toEqual(SUCCESS);
      expect(game.values()).toEqual({ level: '8', coins: '5' });
      const listed = await list(client, identityOf(phone), 'game');
      expect(listed.MergedDatasetNames ?? []).toEqual([]);
      expect(await list(client, identityOf(phone), `game.${guestId}`)).toMatchObject({
        DatasetExists: false,
      });
    });

    it('offers the app the copies that the listing names if the device has no local copy of the dataset', async () => {
      const logins = newLogins();
      const tablet = await newPhone(logins);
      const game = tablet.openDataset('game');
      const phone = await newPhone();
      const guestId = phone.identityId();
      const guest = phone.openDataset('game');
      guest.put('coins', '4');
      await guest.synchronize();
      guest.put('coins', '5');
      await guest.synchronize();
      await phone.logIn(logins);

      const onDatasetsMerged = async (names: string[]) => {
        for (const name of names) {
          const copy = tablet.openDataset(name);
          await copy.synchronize();
          // The sync counts of a copy start at 1, regardless of the sync counts of the original records.
          expect(copy.local).toMatchObject({ lastSyncCount: 1 });
          expect(copy.local.records.get('coins')).toEqual({ value: '5', syncCount: 1, isModified: false });
          for (const [key, value] of Object.entries(copy.values())) game.put(key, value);
          copy.delete();
          await copy.synchronize();
        }
        return true;
      };
      expect(await game.synchronize({ onDatasetsMerged })).toEqual(SUCCESS);
      const copies = tablet.remote.takeCalls().filter((call) => call.startsWith('DeleteDataset'));
      expect(copies).toEqual([`DeleteDataset game.${guestId}`]);
      expect(await game.synchronize()).toEqual(SUCCESS);
      expect(game.values()).toEqual({ coins: '5' });
      expect(game.local.lastSyncCount).toBe(1);
    });

    /** Merges a copy as apps do. Keeps the account's values, adds missing values from the copy and deletes the copy. */
    async function mergeCopy(phone: MobileDevice, name: string): Promise<void> {
      const copy = phone.openDataset(name);
      const game = phone.openDataset('game');
      for (const [key, value] of Object.entries(copy.values())) {
        if (!(key in game.values())) game.put(key, value);
      }
      copy.delete();
      expect(await copy.synchronize()).toEqual(SUCCESS);
    }

    it('keeps the guest’s identity if no identity has the login yet', async () => {
      const phone = await newPhone();
      const game = phone.openDataset('game');
      game.put('level', '1');
      await game.synchronize();
      const guestId = phone.identityId();
      await phone.logIn(newLogins());
      expect(phone.identityId()).toBe(guestId);
      game.put('level', '2');
      expect(await game.synchronize()).toEqual(SUCCESS);
      expect(game.local.lastSyncCount).toBe(2);
    });

    it('logs in as the user that the app’s own backend authenticated', async () => {
      people += 1;
      const request = { IdentityPoolId, user: `user-${people}` };
      const phone = newDevice();
      await phone.logInAsUserOfBackend(await logInAtBackend(cloud.url, request));
      const game = phone.openDataset('game');
      game.put('level', '4');
      expect(await game.synchronize()).toEqual(SUCCESS);

      const tablet = newDevice();
      await tablet.logInAsUserOfBackend(await logInAtBackend(cloud.url, request));
      expect(tablet.identityId()).toBe(phone.identityId());
      const other = tablet.openDataset('game');
      await other.synchronize();
      expect(other.values()).toEqual({ level: '4' });
    });

    it('keeps a guest’s datasets for the user of the app’s own backend', async () => {
      people += 1;
      const phone = await newPhone();
      const game = phone.openDataset('game');
      game.put('level', '4');
      await game.synchronize();
      const guestId = phone.identityId();
      const request = { IdentityPoolId, IdentityId: guestId, user: `user-${people}` };
      await phone.logInAsUserOfBackend(await logInAtBackend(cloud.url, request));
      expect(phone.identityId()).toBe(guestId);
      expect(await game.synchronize()).toEqual(SUCCESS);
      // Without the login, the SDK may not use the identity of the user. The device becomes a new guest.
      await phone.logIn();
      expect(phone.identityId()).not.toBe(guestId);
    });
  });

  describe('with a device registered for push', () => {
    // Only the local cloud stores push messages in an inbox, which the test reads in place of the devices.
    it.runIf(isLocalPort)(
      'receives messages about changes of a subscribed dataset, except about its own changes',
      async () => {
        const { phone, tablet, game, other } = await newPair();
        const deviceId = await phone.registerForPush('A0B1C2D3');
        expect(deviceId).toMatch(/^[0-9a-f-]{36}$/);
        await phone.remote.subscribe('game', deviceId);
        const inbox = await readPush(cloud.url, deviceId);

        game.put('own', 'x');
        await game.synchronize();
        other.put('level', '2');
        await other.synchronize();
        const update = phone.readPush((await inbox.next()).data);
        expect(update).toEqual({ datasetName: 'game', syncCount: 3 });
        expect(update?.syncCount).toBeGreaterThan(game.local.lastSyncCount);
        await game.synchronize();
        expect(game.values()).toEqual({ own: 'x', level: '2' });

        await phone.remote.unsubscribe('game', deviceId);
        await expect(phone.remote.unsubscribe('game', deviceId)).rejects.toMatchObject({
          code: 'ResourceNotFoundException',
        });
        expect(tablet.remote.takeCalls()).not.toContain('RegisterDevice');
      },
    );

    it('cannot subscribe to a dataset that does not exist yet', async () => {
      const phone = await newPhone();
      const deviceId = await phone.registerForPush('A0B1C2D4');
      await expect(phone.remote.subscribe('later', deviceId)).rejects.toMatchObject({
        code: 'ResourceNotFoundException',
      });
    });
  });
});

describe('the Android SDK', () => {
  it('fails a sync if the app does not handle the deletion of the dataset by another device', async () => {
    const phone = createMobileDevice({ platform: 'android', url: cloud.url, identityPoolId: IdentityPoolId });
    await phone.logIn();
    const game = phone.openDataset('game');
    game.put('level', '1');
    await game.synchronize();
    await deleteElsewhere(phone);
    expect(await game.synchronize()).toEqual({ success: false, reason: 'the deletion was not handled' });
    expect(game.values()).toEqual({ level: '1' });
  });

  it('receives the date that a device sent with a record, to the millisecond', async () => {
    const phone = createMobileDevice({ platform: 'android', url: cloud.url, identityPoolId: IdentityPoolId });
    await phone.logIn();
    const before = Date.now();
    const game = phone.openDataset('game');
    game.put('level', '1');
    await game.synchronize();
    const { records } = await phone.remote.listUpdates('game', 0, undefined);
    const date = records[0]?.deviceLastModifiedDate;
    expect(date).toBeGreaterThanOrEqual(before);
    expect(date).toBeLessThanOrEqual(Date.now());
    expect(records[0]?.lastModifiedDate).toBeGreaterThanOrEqual(before);
  });
});

describe('the iOS SDK', () => {
  it('keeps a dataset that another device deleted, and creates it again in the service', async () => {
    const phone = createMobileDevice({ platform: 'ios', url: cloud.url, identityPoolId: IdentityPoolId });
    await phone.logIn();
    const game = phone.openDataset('game');
    game.put('level', '1');
    await game.synchronize();
    await deleteElsewhere(phone);
    expect(await game.synchronize()).toEqual(SUCCESS);
    const identity = { IdentityPoolId, IdentityId: phone.identityId() };
    expect(await list(client, identity, 'game')).toMatchObject({
      DatasetExists: true,
      Records: [{ Key: 'level', Value: '1' }],
    });
    game.put('level', '2');
    expect(await game.synchronize()).toEqual(SUCCESS);
  });

  it('sends dates as numeric strings if an app uses the low-level client', async () => {
    const phone = createMobileDevice({ platform: 'ios', url: cloud.url, identityPoolId: IdentityPoolId });
    await phone.logIn();
    const { syncSessionToken } = await phone.remote.listUpdates('game', 0, undefined);
    const patch = { key: 'level', value: '1', syncCount: 0, deviceLastModifiedDate: '1700000000.123000' };
    expect(await phone.remote.updateRecords('game', [patch], syncSessionToken)).toMatchObject([
      { key: 'level', syncCount: 1, deviceLastModifiedDate: 1_700_000_000_123 },
    ]);
  });
});

/** Deletes a player's dataset as another device would, so the given device does not know of the deletion. */
function deleteElsewhere(device: MobileDevice): Promise<unknown> {
  const IdentityId = device.identityId();
  return client.send(new DeleteDatasetCommand({ IdentityPoolId, IdentityId, DatasetName: 'game' }));
}
