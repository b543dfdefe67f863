import { randomUUID } from 'node:crypto';
import { SetCognitoEventsCommand } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionArn } from '../../infra/local/names.ts';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { startService } from '../fixtures/local/local-cloud.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { AWS } from '../fixtures/wire/aws-sdk-v2.ts';
import { DEVELOPER_CREDENTIALS, isLocalPort } from '../fixtures/wire/entrance.ts';
import { GOOGLE, GOOGLE_CLIENT, googleToken } from '../fixtures/wire/login-tokens.ts';
import { createSyncClient, list } from '../fixtures/wire/sync-client.ts';
import { loadSyncManager } from './load-sync-manager.ts';
import { createPlayerPool } from './player-pool.ts';
import {
  createDevice,
  type Device,
  type DeviceDataset,
  type Logins,
  type SyncHandlers,
} from './sync-manager-device.ts';

/**
 * A sync trigger that limits the record `score` to 100, removes the record `cheat`, ignores changes of the record `secret`
 * and adds the record `checked`. If a call changes the record `broken`, the trigger fails.
 */
const HOUSE_RULES = `export async function handler(event) {
  const { score, cheat, secret, ...others } = event.datasetRecords;
  if (others.broken) return null;
  return { ...event, datasetRecords: {
    ...others,
    ...(score && { score: { newValue: String(Math.min(Number(score.newValue), 100)), op: 'replace' } }),
    ...(cheat && { cheat: { op: 'remove' } }),
    ...(score && { checked: { newValue: 'yes', op: 'replace' } }),
  } };
}`;
const SUCCESS = { ended: 'success', message: null, callbacks: [] };
const RETRIES_EXCEEDED = {
  ended: 'failure',
  message: 'Synchronize failed: exceeded maximum retry count.',
  callbacks: [],
};

let cloud: LocalCloud;
let developer: ReturnType<typeof createSyncClient>;
/** The local cloud accepts every login in its first pool. In AWS, the service accepts only logins that the pool names. */
let pool = POOL;
beforeAll(async () => {
  const houseRules = new URL(`data:text/javascript,${encodeURIComponent(HOUSE_RULES)}`);
  cloud = await startService({ functions: { 'house-rules': houseRules } });
  developer = createSyncClient(cloud.url);
  if (!isLocalPort) pool = await createPlayerPool(cloud.url);
});
afterAll(async () => {
  developer.destroy();
  await cloud.close();
});

/** Creates a device without data. Without logins, its user is a guest. */
function newDevice(logins?: Logins, identityPoolId = pool): Promise<Device> {
  const sdk = loadSyncManager();
  const dataStore = sdk.CognitoSyncManager.StoreInMemory;
  return createDevice(sdk, { url: cloud.url, identityPoolId, dataStore, ...(logins && { logins }) });
}

/** Returns the logins of a new person, whom no other test uses. */
function newPerson(): Logins {
  return { [GOOGLE]: googleToken(randomUUID()) };
}

async function twoDevices(identityPoolId = pool): Promise<{ phone: Device; tablet: Device }> {
  const person = newPerson();
  const phone = await newDevice(person, identityPoolId);
  const tablet = await newDevice(person, identityPoolId);
  expect(tablet.identityId()).toBe(phone.identityId());
  return { phone, tablet };
}

interface Games {
  phone: Device;
  tablet: Device;
  onPhone: DeviceDataset;
  onTablet: DeviceDataset;
}

/** Creates two devices of one person. Both devices have these records in the dataset `game`. */
async function twoGames(values: Record<string, string>, identityPoolId = pool): Promise<Games> {
  const { phone, tablet } = await twoDevices(identityPoolId);
  const onPhone = await phone.open('game');
  const onTablet = await tablet.open('game');
  await onPhone.putAll(values);
  expect(await onPhone.sync()).toEqual(SUCCESS);
  expect(await onTablet.sync()).toEqual(SUCCESS);
  expect(await onTablet.getAll()).toEqual(values);
  return { phone, tablet, onPhone, onTablet };
}

/** Returns the values that the service stores. Removed records have empty strings, as in the client. */
async function stored(device: Device, datasetName = 'game', identityPoolId = pool) {
  const identity = { IdentityPoolId: identityPoolId, IdentityId: device.identityId() };
  const { Records = [] } = await list(developer, identity, datasetName);
  return Object.fromEntries(Records.map(({ Key, Value }) => [Key, Value ?? '']));
}

/** Syncs both devices. Then expects these values on both devices and in the service. */
async function expectAgreement({ phone, onPhone, onTablet }: Games, values: Record<string, string>) {
  expect(await onPhone.sync()).toEqual(SUCCESS);
  expect(await onTablet.sync()).toEqual(SUCCESS);
  expect(await onPhone.getAll()).toEqual(values);
  expect(await onTablet.getAll()).toEqual(values);
  expect(await stored(phone)).toEqual(values);
}

/** Returns the service calls that the action makes. */
async function callsOf(device: Device, act: () => Promise<unknown>): Promise<string[]> {
  const before = device.calls.length;
  await act();
  return device.calls.slice(before);
}

async function createPool(allowGuests: boolean): Promise<string> {
  const identity = new AWS.CognitoIdentity({
    region: 'us-east-1',
    endpoint: cloud.url,
    credentials: { ...DEVELOPER_CREDENTIALS },
  });
  const settings = {
    IdentityPoolName: 'app',
    AllowUnauthenticatedIdentities: allowGuests,
    SupportedLoginProviders: { [GOOGLE]: GOOGLE_CLIENT },
  };
  return (await identity.createIdentityPool(settings).promise()).IdentityPoolId;
}

describe('a device', () => {
  it('gets an identity and credentials for it before it syncs', async () => {
    const phone = await newDevice();
    expect(phone.identityId()).toMatch(/^us-east-1:[0-9a-f-]{36}$/);
    expect(phone.calls).toEqual(['getId', 'getCredentialsForIdentity']);
    expect((await newDevice()).identityId()).not.toBe(phone.identityId());
  });

  it('creates a dataset with its first sync', async () => {
    const phone = await newDevice();
    const game = await phone.open('game');
    await game.put('score', '42');
    const calls = await callsOf(phone, async () => expect(await game.sync()).toEqual(SUCCESS));
    expect(calls).toEqual(['listRecords', 'updateRecords']);
    expect(await stored(phone)).toEqual({ score: '42' });
  });

  it('syncs an empty dataset', async () => {
    const game = await (await newDevice()).open('game');
    expect(await game.sync()).toEqual(SUCCESS);
    expect(await game.getAll()).toEqual({});
  });

  it('makes one call and no update per sync while nothing changes', async () => {
    const { onPhone, phone } = await twoGames({ score: '42' });
    const calls = await callsOf(phone, async () => {
      for (let round = 0; round < 10; round += 1) expect(await onPhone.sync()).toEqual(SUCCESS);
    });
    expect(calls).toEqual(Array(10).fill('listRecords'));
    expect(await onPhone.getAll()).toEqual({ score: '42' });
  });

  it('can be used by a guest only if the identity pool allows guests', async () => {
    const membersOnly = await createPool(false);
    await expect(newDevice(undefined, membersOnly)).rejects.toMatchObject({
      code: 'NotAuthorizedException',
      message: 'Unauthenticated access is not supported for this identity pool.',
    });
    const member = await newDevice(newPerson(), membersOnly);
    const game = await member.open('game');
    await game.put('score', '42');
    expect(await game.sync()).toEqual(SUCCESS);
    expect(await stored(member, 'game', membersOnly)).toEqual({ score: '42' });
  });
});

describe('two devices of one person', () => {
  it('have the same records after both have synced', async () => {
    const { phone, tablet } = await twoDevices();
    const onPhone = await phone.open('game');
    await onPhone.putAll({ score: '42', name: 'Ada' });
    expect(await onPhone.sync()).toEqual(SUCCESS);
    const onTablet = await tablet.open('game');
    const calls = await callsOf(tablet, async () => expect(await onTablet.sync()).toEqual(SUCCESS));
    expect(calls).toEqual(['listRecords', 'listRecords']);
    expect(await onTablet.get('score')).toBe('42');
    await expectAgreement({ phone, tablet, onPhone, onTablet }, { score: '42', name: 'Ada' });
  });

  it('exchange their changes in one sync each', async () => {
    const games = await twoGames({ score: '42', name: 'Ada' });
    const { onPhone, onTablet, tablet } = games;
    await onPhone.put('score', '43');
    await onPhone.sync();
    await onTablet.put('level', '7');
    const calls = await callsOf(tablet, async () => expect(await onTablet.sync()).toEqual(SUCCESS));
    expect(calls).toEqual(['listRecords', 'listRecords', 'updateRecords']);
    await expectAgreement(games, { score: '43', name: 'Ada', level: '7' });
  });

  it.runIf(isLocalPort)('have their records projected to the query store', async () => {
    const games = await twoGames({ score: '42', name: 'Ada' });
    await games.onTablet.put('score', '43');
    await games.onTablet.remove('name');
    await games.onTablet.sync();
    await expectAgreement(games, { score: '43', name: '' });
    const rows = async () =>
      (
        await cloud.database.query(
          'SELECT dataset_name, record_key, record_value, sync_count FROM query.records WHERE identity_id = $1',
          [games.phone.identityId()],
        )
      ).rows;
    await expect
      .poll(rows, { timeout: 15_000, interval: 20 })
      .toEqual([{ dataset_name: 'game', record_key: 'score', record_value: '43', sync_count: 2 }]);
  });

  it('keep long strings of any writing system', async () => {
    const text = 'Zoë 😀 \u2028 \ufeff 漢字 "\\ {}\r\n\t'.repeat(4_000);
    const games = await twoGames({ text, 'a.b:c-d_e': ' ' });
    await expectAgreement(games, { text, 'a.b:c-d_e': ' ' });
  });
});

describe('a conflict', () => {
  /** Creates a conflict. The phone has synced the score 50. The tablet has the score 45 and has not synced it. */
  async function conflict(): Promise<Games> {
    const games = await twoGames({ score: '42', name: 'Ada' });
    await games.onPhone.put('score', '50');
    await games.onPhone.sync();
    await games.onTablet.put('score', '45');
    return games;
  }
  const RESOLVED = { ...SUCCESS, callbacks: ['conflict: score'] };

  it('shows the app the local record and the remote record', async () => {
    const { onTablet } = await conflict();
    const shown: unknown[] = [];
    await onTablet.sync({
      onConflict(conflicts) {
        for (const each of conflicts) {
          shown.push([each.getKey(), each.getRemoteRecord().getValue(), each.getLocalRecord().getValue()]);
          shown.push(each.getRemoteRecord().getSyncCount());
        }
        return false;
      },
    });
    expect(shown).toEqual([['score', '50', '45'], 2]);
  });

  it('can be resolved with the remote record', async () => {
    const games = await conflict();
    const outcome = await games.onTablet.sync({
      onConflict: (conflicts) => conflicts.map((each) => each.resolveWithRemoteRecord()),
    });
    expect(outcome).toEqual(RESOLVED);
    await expectAgreement(games, { score: '50', name: 'Ada' });
  });

  it('can be resolved with the local record', async () => {
    const games = await conflict();
    const outcome = await games.onTablet.sync({
      onConflict: (conflicts) => conflicts.map((each) => each.resolveWithLocalRecord()),
    });
    expect(outcome).toEqual(RESOLVED);
    await expectAgreement(games, { score: '45', name: 'Ada' });
  });

  it('can be resolved with a value that neither device has sent', async () => {
    const games = await conflict();
    const outcome = await games.onTablet.sync({
      onConflict: (conflicts) => conflicts.map((each) => each.resolveWithValue('95')),
    });
    expect(outcome).toEqual(RESOLVED);
    await expectAgreement(games, { score: '95', name: 'Ada' });
  });

  it('stops the sync without changes if the app does not resolve it', async () => {
    const { phone, onTablet } = await conflict();
    expect(await onTablet.sync()).toEqual({
      ended: 'failure',
      message: 'Sync cancelled. Conflict callback returned false.',
      callbacks: ['conflict: score'],
    });
    expect(await onTablet.get('score')).toBe('45');
    expect(await stored(phone)).toEqual({ score: '50', name: 'Ada' });
  });

  it('makes this client miss other changes until a refresh of the metadata if the app chooses the local record', async () => {
    const games = await twoGames({ score: '42', name: 'Ada' });
    await games.onPhone.putAll({ score: '50', name: 'Eve' });
    await games.onPhone.sync();
    await games.onTablet.put('score', '45');
    await games.onTablet.sync({
      onConflict: (conflicts) => conflicts.map((each) => each.resolveWithLocalRecord()),
    });
    expect(await games.onTablet.sync()).toEqual(SUCCESS);
    expect(await games.onTablet.getAll()).toEqual({ score: '45', name: 'Ada' });
    // The client has a flaw, here and after concurrent pushes: it stores the sync count of its own push, and so skips
    // earlier changes of the other device. After refreshDatasetMetadata, the next sync returns these changes.
    await games.tablet.refreshDatasetMetadata();
    await expectAgreement(games, { score: '45', name: 'Eve' });
  });

  it('does not occur if both devices wrote the same value', async () => {
    const games = await conflict();
    await games.onTablet.put('score', '50');
    await expectAgreement(games, { score: '50', name: 'Ada' });
  });
});

describe('concurrent pushes by two devices', () => {
  /** Syncs the phone between the tablet's listing and the tablet's update. */
  function overtake({ tablet, onPhone }: Games): void {
    tablet.beforeCall = async (operation) => {
      if (operation !== 'updateRecords') return;
      tablet.beforeCall = async () => undefined;
      expect(await onPhone.sync()).toEqual(SUCCESS);
    };
  }

  it('of one record are a conflict for the later device, which resolves the conflict', async () => {
    const games = await twoGames({ score: '42' });
    await games.onPhone.put('score', '50');
    await games.onTablet.put('score', '45');
    overtake(games);
    const calls = await callsOf(games.tablet, async () => {
      const outcome = await games.onTablet.sync({
        onConflict: (conflicts) => conflicts.map((each) => each.resolveWithLocalRecord()),
      });
      expect(outcome).toEqual({ ...SUCCESS, callbacks: ['conflict: score'] });
    });
    expect(calls).toEqual([
      'listRecords',
      'updateRecords ResourceConflictException',
      'listRecords',
      'updateRecords',
      'listRecords',
    ]);
    await expectAgreement(games, { score: '45' });
  });

  it('of different records are both stored, but this client misses a record until a refresh of the metadata', async () => {
    const games = await twoGames({ score: '42' });
    await games.onPhone.put('score', '50');
    await games.onTablet.put('level', '7');
    overtake(games);
    expect(await games.onTablet.sync()).toEqual(SUCCESS);
    expect(await stored(games.phone)).toEqual({ score: '50', level: '7' });
    // The client has a flaw: it stores the sync count of its own push as the last count that it has read. So it misses
    // records that another device wrote between its listing and its push.
    expect(await games.onTablet.sync()).toEqual(SUCCESS);
    expect(await games.onTablet.get('score')).toBe('42');
    // Refreshing the metadata also resets the sync count that the client has stored, so it lists all records next time.
    expect(await games.tablet.refreshDatasetMetadata()).toEqual(['game']);
    await expectAgreement(games, { score: '50', level: '7' });
  });

  it('lead to the same records on both devices in each of many rounds', async () => {
    const games = await twoGames({ score: '0' });
    const resolve: SyncHandlers = {
      onConflict: (conflicts) => conflicts.map((each) => each.resolveWithRemoteRecord()),
    };
    for (let round = 1; round <= 10; round += 1) {
      await games.onPhone.put('score', `${round} on the phone`);
      await games.onTablet.put('score', `${round} on the tablet`);
      const outcomes = await Promise.all([games.onPhone.sync(resolve), games.onTablet.sync(resolve)]);
      expect(outcomes.map(({ ended }) => ended)).toEqual(['success', 'success']);
      const { score } = await stored(games.phone);
      expect(score).toMatch(new RegExp(`^${round} on the`));
      await expectAgreement(games, { score: `${score}` });
    }
  });
});

describe('a removed record', () => {
  it('is shown as empty on the other device and can be created again', async () => {
    const games = await twoGames({ score: '42', name: 'Ada' });
    await games.onPhone.remove('score');
    await games.onPhone.sync();
    await games.onTablet.sync();
    expect(await games.onTablet.get('score')).toBe('');
    await expectAgreement(games, { score: '', name: 'Ada' });
    await games.onTablet.put('score', '1');
    await games.onTablet.sync();
    await expectAgreement(games, { score: '1', name: 'Ada' });
  });

  it('may be the last record of the dataset', async () => {
    const games = await twoGames({ score: '42', name: 'Ada' });
    await games.onPhone.remove('score');
    await games.onPhone.remove('name');
    await games.onPhone.sync();
    await expectAgreement(games, { score: '', name: '' });
    await games.onPhone.put('name', 'Eve');
    await games.onPhone.sync();
    await expectAgreement(games, { score: '', name: 'Eve' });
  });

  it('may be a record that never existed', async () => {
    const games = await twoGames({ score: '42' });
    await games.onPhone.remove('name');
    expect(await games.onPhone.sync()).toEqual(SUCCESS);
    expect(await games.onPhone.getAll()).toEqual({ score: '42', name: '' });
    // The removal is not stored, so no other device receives it.
    expect(await games.onTablet.sync()).toEqual(SUCCESS);
    expect(await games.onTablet.getAll()).toEqual({ score: '42' });
    await games.onTablet.put('name', 'Ada');
    expect(await games.onTablet.sync()).toEqual(SUCCESS);
    await expectAgreement(games, { score: '42', name: 'Ada' });
  });

  it('is what this client sends if the app sets an empty string', async () => {
    const games = await twoGames({ score: '42' });
    await games.onPhone.put('score', '');
    expect(await games.onPhone.sync()).toEqual(SUCCESS);
    await expectAgreement(games, { score: '' });
    const identity = { IdentityPoolId: pool, IdentityId: games.phone.identityId() };
    const { Records } = await list(developer, identity, 'game');
    expect(Records?.map(({ Key, Value }) => [Key, Value])).toEqual([['score', undefined]]);
  });

  it('conflicts with a change of another device', async () => {
    const games = await twoGames({ score: '42' });
    await games.onPhone.remove('score');
    await games.onPhone.sync();
    await games.onTablet.put('score', '43');
    const outcome = await games.onTablet.sync({
      onConflict: (conflicts) => conflicts.map((each) => each.resolveWithLocalRecord()),
    });
    expect(outcome).toEqual({ ...SUCCESS, callbacks: ['conflict: score'] });
    await expectAgreement(games, { score: '43' });
  });
});

describe('a deleted dataset', () => {
  /** Deletes a dataset on the phone and syncs the deletion; the tablet still has the dataset. */
  async function deleted(): Promise<Games> {
    const games = await twoGames({ score: '42', name: 'Ada' });
    await games.phone.deleteDataset('game');
    expect(await games.onPhone.sync()).toEqual(SUCCESS);
    return games;
  }
  const CANCELLED = {
    ended: 'failure',
    message: 'Cancelled due to .onDatasetDeleted result.',
    callbacks: ['deleted: game'],
  };

  it('exists neither in the service nor on the device', async () => {
    const { phone } = await deleted();
    expect(phone.calls.at(-1)).toBe('deleteDataset');
    expect(await phone.listDatasets()).toEqual([]);
    expect(await stored(phone)).toEqual({});
    expect(await phone.refreshDatasetMetadata()).toEqual([]);
  });

  it('is not reported to a device if the service has never seen the dataset', async () => {
    const { phone, onPhone } = await twoGames({ score: '42' });
    // The device seems to come from another service, because this service has no data of the dataset.
    await cloud.database.query('DELETE FROM sync.datasets WHERE identity_id = $1', [phone.identityId()]);
    expect(await onPhone.sync({ onDatasetDeleted: () => true })).toEqual({
      ended: 'failure',
      message: 'No such SyncCount: 1 exists for this Dataset',
      callbacks: [],
    });
    expect(await onPhone.getAll()).toEqual({ score: '42' });
  });

  it('is kept by another device if the app there does not handle the deletion', async () => {
    const { phone, onTablet } = await deleted();
    expect(await onTablet.sync()).toEqual(CANCELLED);
    expect(await onTablet.sync()).toEqual(CANCELLED);
    expect(await onTablet.getAll()).toEqual({ score: '42', name: 'Ada' });
    expect(await stored(phone)).toEqual({});
  });

  it('is removed from another device if the app there purges the dataset', async () => {
    const { tablet, onTablet } = await deleted();
    expect(await onTablet.sync()).toEqual(CANCELLED);
    await tablet.purgeDataset('game');
    expect(await tablet.listDatasets()).toEqual([]);
    const reopened = await tablet.open('game');
    expect(await reopened.sync()).toEqual(SUCCESS);
    expect(await reopened.getAll()).toEqual({});
  });

  it('causes an error in this client if the handler for deleted datasets returns true', async () => {
    const { tablet, onTablet } = await deleted();
    const sync = onTablet.sync({ onDatasetDeleted: () => true });
    await expect(sync).rejects.toThrow('_synchronizeInternal is not a function');
    expect(await tablet.listDatasets()).toEqual([]);
  });

  it('can be created again, and the other device still receives the deletion', async () => {
    const games = await deleted();
    const onPhone = await games.phone.open('game');
    await onPhone.put('score', '1');
    const calls = await callsOf(games.phone, async () => expect(await onPhone.sync()).toEqual(SUCCESS));
    expect(calls).toEqual(['listRecords', 'updateRecords']);
    expect(await games.onTablet.sync()).toEqual(CANCELLED);
    await games.tablet.purgeDataset('game');
    const onTablet = await games.tablet.open('game');
    expect(await onTablet.sync()).toEqual(SUCCESS);
    await expectAgreement({ ...games, onPhone, onTablet }, { score: '1' });
    await onTablet.put('score', '2');
    await onTablet.sync();
    await expectAgreement({ ...games, onPhone, onTablet }, { score: '2' });
  });

  it('makes the sync fail if the dataset never existed in the service', async () => {
    const phone = await newDevice();
    const game = await phone.open('game');
    await game.put('score', '42');
    await phone.deleteDataset('game');
    expect(await game.sync()).toEqual({
      ended: 'failure',
      message: 'Failed to delete dataset.',
      callbacks: [],
    });
    expect(phone.calls.at(-1)).toBe('deleteDataset ResourceNotFoundException');
    await phone.purgeDataset('game');
    const reopened = await phone.open('game');
    expect(await reopened.sync()).toEqual(SUCCESS);
  });
});

describe('a guest who logs in', () => {
  it('with a new login keeps the identity and its data', async () => {
    const phone = await newDevice();
    const guest = phone.identityId();
    const game = await phone.open('game');
    await game.put('score', '42');
    await game.sync();
    await phone.logIn(newPerson());
    expect(phone.identityId()).toBe(guest);
    await game.put('score', '43');
    expect(await game.sync()).toEqual(SUCCESS);
    expect(await stored(phone)).toEqual({ score: '43' });
  });

  /** Creates a merge. A guest with a game on the phone logs in as a person who has a game on the tablet. */
  async function merged(): Promise<Games & { copy: string }> {
    const person = newPerson();
    const tablet = await newDevice(person);
    const onTablet = await tablet.open('game');
    await onTablet.putAll({ name: 'Ada', level: '7' });
    await onTablet.sync();

    const phone = await newDevice();
    const copy = `game.${phone.identityId()}`;
    const asGuest = await phone.open('game');
    await asGuest.putAll({ score: '42', level: '1' });
    await asGuest.sync();
    await phone.logIn(person);
    expect(phone.identityId()).toBe(tablet.identityId());
    return { phone, tablet, onTablet, onPhone: await phone.open('game'), copy };
  }
  const cancelled = (copy: string) => ({
    ended: 'failure',
    message: 'Cancelled due to .onDatasetsMerged result.',
    callbacks: [`merged: ${copy}`],
  });

  it('finds the guest’s data as a separate dataset, which each device offers until it is deleted', async () => {
    const { phone, onPhone, onTablet, copy } = await merged();
    expect(await stored(phone, copy)).toEqual({ score: '42', level: '1' });
    expect(await stored(phone)).toEqual({ name: 'Ada', level: '7' });
    expect(await onPhone.sync()).toEqual(cancelled(copy));
    expect(await onPhone.sync()).toEqual(cancelled(copy));
    expect(await onTablet.sync()).toEqual(cancelled(copy));
    expect((await phone.refreshDatasetMetadata()).sort()).toEqual(['game', copy]);
  });

  it('can merge records of the copy and delete it', async () => {
    const { phone, tablet, onPhone, onTablet, copy } = await merged();
    const outcome = await onPhone.sync({
      async onDatasetsMerged(names) {
        for (const name of names) {
          const guestCopy = await phone.open(name);
          expect(await guestCopy.sync()).toEqual(SUCCESS);
          await onPhone.put('score', (await guestCopy.get('score')) ?? '');
          await phone.deleteDataset(name);
          expect(await guestCopy.sync()).toEqual(SUCCESS);
        }
        // If the handler returned true, this client would call a function that does not exist. So the app syncs again.
        return false;
      },
    });
    expect(outcome).toEqual(cancelled(copy));
    expect(await onPhone.sync()).toEqual(SUCCESS);
    expect(await stored(phone, copy)).toEqual({});
    await expectAgreement({ phone, tablet, onPhone, onTablet }, { name: 'Ada', level: '7', score: '42' });
  });

  it('can no longer use the guest’s identity without the login', async () => {
    const phone = await newDevice();
    const guest = phone.identityId();
    await phone.logIn(newPerson());
    const sdk = loadSyncManager();
    sdk.config.update({ region: 'us-east-1', cognitoidentity: { endpoint: cloud.url } });
    const credentials = new sdk.CognitoIdentityCredentials({ IdentityId: guest });
    await expect(credentials.getPromise()).rejects.toMatchObject({ code: 'NotAuthorizedException' });
  });
});

describe('a sync trigger', () => {
  let pool: string;
  beforeAll(async () => {
    pool = await createPool(true);
    const Events = { SyncTrigger: functionArn('us-east-1', 'house-rules') };
    await developer.send(new SetCognitoEventsCommand({ IdentityPoolId: pool, Events }));
  });

  it('changes, removes, drops and adds records, and the device receives the result', async () => {
    const { phone, tablet } = await twoDevices(pool);
    const onPhone = await phone.open('game');
    await onPhone.putAll({ score: '500', cheat: 'on', secret: 'x', name: 'Ada' });
    expect(await onPhone.sync()).toEqual(SUCCESS);
    const processed = { score: '100', name: 'Ada', checked: 'yes' };
    // Removed and dropped records are not stored. This client shows such records as empty strings.
    const onDevice = { ...processed, cheat: '', secret: '' };
    expect(await onPhone.getAll()).toEqual(onDevice);
    const onTablet = await tablet.open('game');
    expect(await onTablet.sync()).toEqual(SUCCESS);
    expect(await onTablet.getAll()).toEqual(processed);
    expect(await stored(phone, 'game', pool)).toEqual(processed);
    expect(await onPhone.sync()).toEqual(SUCCESS);
    expect(await onPhone.getAll()).toEqual(onDevice);
  });

  it('also runs on changes to stored records', async () => {
    const { phone, tablet } = await twoDevices(pool);
    const onPhone = await phone.open('game');
    const onTablet = await tablet.open('game');
    await onPhone.putAll({ score: '1' });
    await onPhone.sync();
    await onTablet.sync();
    await onTablet.put('score', '101');
    await onTablet.put('cheat', 'on');
    expect(await onTablet.sync()).toEqual(SUCCESS);
    expect(await onPhone.sync()).toEqual(SUCCESS);
    const processed = { score: '100', checked: 'yes' };
    expect(await onTablet.getAll()).toEqual({ ...processed, cheat: '' });
    expect(await onPhone.getAll()).toEqual(processed);
    expect(await stored(phone, 'game', pool)).toEqual(processed);
  });

  it('that drops all records does not keep the client from syncing', async () => {
    const phone = await newDevice(undefined, pool);
    const game = await phone.open('game');
    await game.put('secret', 'x');
    expect(await game.sync()).toEqual(SUCCESS);
    expect(await stored(phone, 'game', pool)).toEqual({});
    await game.put('name', 'Ada');
    expect(await game.sync()).toEqual(SUCCESS);
    expect(await stored(phone, 'game', pool)).toEqual({ name: 'Ada' });
  });

  it('with an invalid result stores nothing, and the client fails after four attempts', async () => {
    const phone = await newDevice(undefined, pool);
    const game = await phone.open('game');
    await game.put('broken', 'yes');
    const calls = await callsOf(phone, async () => expect(await game.sync()).toEqual(RETRIES_EXCEEDED));
    const attempt = ['listRecords', 'updateRecords InvalidLambdaFunctionOutputException'];
    expect(calls).toEqual([...attempt, ...attempt, ...attempt, ...attempt]);
    expect(await stored(phone, 'game', pool)).toEqual({});
  });
});

describe('the limits', () => {
  const keys = (count: number, name: string) =>
    Array.from({ length: count }, (_, index) => `${name}.${index}`);
  const valuesOf = (names: string[]) => Object.fromEntries(names.map((name) => [name, `value of ${name}`]));

  it('allow a dataset 1,024 records, which one call can push and one call can pull', async () => {
    const { phone, tablet } = await twoDevices();
    const onPhone = await phone.open('game');
    const values = valuesOf(keys(1_024, 'key'));
    await putEach(onPhone, values);
    const pushes = await callsOf(phone, async () => expect(await onPhone.sync()).toEqual(SUCCESS));
    expect(pushes).toEqual(['listRecords', 'updateRecords']);
    const onTablet = await tablet.open('game');
    const pulls = await callsOf(tablet, async () => expect(await onTablet.sync()).toEqual(SUCCESS));
    expect(pulls).toEqual(['listRecords', 'listRecords']);
    await expectAgreement({ phone, tablet, onPhone, onTablet }, values);

    await onPhone.put('one.more', 'x');
    expect(await onPhone.sync()).toEqual(RETRIES_EXCEEDED);
    expect(phone.calls.at(-1)).toBe('updateRecords LimitExceededException');
    expect(await stored(phone)).toEqual(values);
  });

  it('allow a dataset so many removed records that a listing has more than one page; the client reads all pages', async () => {
    const { phone, tablet } = await twoDevices();
    const onPhone = await phone.open('game');
    // Only slightly more records than fit into a page. With many more records, this client overflows the stack: it
    // recurses per record.
    const [old, current] = [keys(525, 'old'), keys(525, 'new')];
    await putEach(onPhone, valuesOf(old));
    expect(await onPhone.sync()).toEqual(SUCCESS);
    for (const key of old) await onPhone.remove(key);
    expect(await onPhone.sync()).toEqual(SUCCESS);
    await putEach(onPhone, valuesOf(current));
    expect(await onPhone.sync()).toEqual(SUCCESS);

    const onTablet = await tablet.open('game');
    const pulls = await callsOf(tablet, async () => expect(await onTablet.sync()).toEqual(SUCCESS));
    expect(pulls).toEqual(['listRecords', 'listRecords', 'listRecords']);
    const removed = Object.fromEntries(old.map((key) => [key, '']));
    await expectAgreement({ phone, tablet, onPhone, onTablet }, { ...removed, ...valuesOf(current) });
  });

  it('allow an identity 20 datasets; the sync of one more fails, and the client keeps the data', async () => {
    const phone = await newDevice();
    const names = keys(20, 'dataset');
    for (const name of names) {
      const dataset = await phone.open(name);
      await dataset.put('name', name);
      expect(await dataset.sync()).toEqual(SUCCESS);
    }
    const tooMany = await phone.open('too.many');
    await tooMany.put('name', 'x');
    const calls = await callsOf(phone, async () => expect(await tooMany.sync()).toEqual(RETRIES_EXCEEDED));
    const attempt = ['listRecords', 'updateRecords LimitExceededException'];
    expect(calls).toEqual([...attempt, ...attempt, ...attempt, ...attempt]);
    expect(await tooMany.get('name')).toBe('x');
    expect((await phone.refreshDatasetMetadata()).sort()).toEqual(names.sort());

    await phone.deleteDataset('dataset.0');
    expect(await (await phone.open('dataset.0')).sync()).toEqual(SUCCESS);
    expect(await tooMany.sync()).toEqual(SUCCESS);
    expect(await stored(phone, 'too.many')).toEqual({ name: 'x' });
  });

  /** Puts the values one by one, because putAll of this client recurses for each value and overflows the stack. */
  async function putEach(dataset: DeviceDataset, values: Record<string, string>): Promise<void> {
    for (const [key, value] of Object.entries(values)) await dataset.put(key, value);
  }
});

describe('the datasets of a device', () => {
  it('are listed with their names and, after a refresh, with their sizes', async () => {
    const games = await twoGames({ score: '42', name: 'Zoë' });
    const settings = await games.phone.open('settings');
    await settings.put('theme', 'dark');
    expect(await games.phone.listDatasets()).toEqual(['game', 'settings']);
    expect(await games.tablet.listDatasets()).toEqual(['game']);
    await settings.sync();
    expect(await games.onTablet.getDataStorage()).toBe(0);
    expect((await games.tablet.refreshDatasetMetadata()).sort()).toEqual(['game', 'settings']);
    expect((await games.tablet.listDatasets()).sort()).toEqual(['game', 'settings']);
    expect(await games.onTablet.getDataStorage()).toBe(Buffer.byteLength('score42nameZoë'));
    await expectAgreement(games, { score: '42', name: 'Zoë' });
  });
});
