import { randomUUID } from 'node:crypto';
import type { CognitoSyncClient, RecordPatch } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { identityClient } from '../fixtures/identity/identity-credentials.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { documentedRulesOf, writeRulesFile } from '../fixtures/rules/sync-rules-page.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import {
  createSyncClient,
  type Identity,
  list,
  newIdentity,
  refusalOf,
  remove,
  set,
  write,
} from '../fixtures/wire/sync-client.ts';
import { loadSyncManager } from './load-sync-manager.ts';
import { createDevice, type Device, type DeviceDataset, type Logins } from './sync-manager-device.ts';

const SUCCESS = { ended: 'success', message: null, callbacks: [] };
const RETRIES_EXCEEDED = {
  ended: 'failure',
  message: 'Synchronize failed: exceeded maximum retry count.',
  callbacks: [],
};

/** The local cloud with the rules of docs/sync-rules.md, "A game". */
let cloud: LocalCloud;
let developer: CognitoSyncClient;
beforeAll(async () => {
  cloud = await startCloud({ rulesFile: await writeRulesFile(documentedRulesOf('A game').code) });
  developer = createSyncClient(cloud.url);
});
afterAll(async () => {
  developer.destroy();
  await cloud.close();
});

/** Returns the values in the service. Those of removed records are empty strings, as in amazon-cognito-js. */
async function stored(identity: Identity): Promise<Record<string, string>> {
  const { Records = [] } = await list(developer, identity, 'game');
  return Object.fromEntries(Records.map(({ Key, Value }) => [Key, Value ?? '']));
}

describe('an app with the AWS SDK v3', () => {
  let identity: Identity;
  let update: (...patches: RecordPatch[]) => ReturnType<typeof write>;
  beforeEach(async () => {
    identity = newIdentity();
    const client = await identityClient(cloud, identity);
    update = (...patches) => write(client, identity, 'game', patches);
  });
  const returned = async (updated: ReturnType<typeof update>) =>
    (await updated).Records?.map(({ Key, Value, SyncCount }) => [Key, Value, SyncCount]);

  it('receives the old score if it sends a lower score', async () => {
    await update(set('score', '10'));
    expect(await returned(update(set('score', '5', 1)))).toEqual([['score', '10', 2]]);
    expect(await stored(identity)).toEqual({ score: '10' });
  });

  it('receives a key without a rule as removed', async () => {
    expect(await returned(update(set('score', '10'), set('aimbot', 'on')))).toEqual([
      ['score', '10', 1],
      ['aimbot', undefined, 1],
    ]);
    expect(await stored(identity)).toEqual({ score: '10' });
  });

  it('receives the reason of a rejected change, and none of the changes of that call is stored', async () => {
    expect(await refusalOf(update(set('score', '10'), set('name', ' admin ')))).toEqual({
      name: 'InvalidLambdaFunctionOutputException',
      status: 400,
      message: 'SyncTrigger failed with error name: that name is taken.',
    });
    expect(await stored(identity)).toEqual({});
    expect(await returned(update(set('score', '10'), set('name', ' Ada ')))).toEqual([
      ['score', '10', 1],
      ['name', 'Ada', 1],
    ]);
  });

  it('receives a badge in the response to the change that earned it', async () => {
    await update(set('score', '900'));
    expect(await returned(update(set('score', '1200', 1)))).toEqual([
      ['score', '1200', 2],
      ['badge-gold', 'yes', 2],
    ]);
    expect(await returned(update(remove('badge-gold', 2)))).toEqual([['badge-gold', 'yes', 3]]);
  });

  it('cannot give itself a badge', async () => {
    expect(await returned(update(set('score', '10'), set('badge-gold', 'yes')))).toEqual([
      ['score', '10', 1],
      ['badge-gold', undefined, 1],
    ]);
  });

  it('receives a developer’s writes unchanged by the rules', async () => {
    await update(set('score', '10'));
    await write(developer, identity, 'game', [set('score', '5', 1), set('gift', 'sword')]);
    expect(await stored(identity)).toEqual({ score: '5', gift: 'sword' });
    expect(await returned(update(set('score', '4', 2)))).toEqual([['score', '5', 3]]);
  });
});

describe('a device with amazon-cognito-js', () => {
  let phone: Device;
  let onPhone: DeviceDataset;
  let person: Logins;
  beforeEach(async () => {
    person = { 'graph.facebook.com': `token of ${randomUUID()}` };
    phone = await newDevice();
    onPhone = await phone.open('game');
  });

  function newDevice(): Promise<Device> {
    const sdk = loadSyncManager();
    const dataStore = sdk.CognitoSyncManager.StoreInMemory;
    return createDevice(sdk, { url: cloud.url, identityPoolId: POOL, logins: person, dataStore });
  }
  const storedOf = ({ identityId }: Device) => stored({ IdentityPoolId: POOL, IdentityId: identityId() });

  /** Syncs and returns the outcome with the calls. */
  async function syncOf(
    device: Device,
    dataset: DeviceDataset,
    handlers?: Parameters<typeof dataset.sync>[0],
  ) {
    const before = device.calls.length;
    const outcome = await dataset.sync(handlers);
    return { outcome, calls: device.calls.slice(before) };
  }
  const pushed = { outcome: SUCCESS, calls: ['listRecords', 'updateRecords'] };

  /**
   * Expects these values on the device and in the service, and no further changes to push. Keys that the rules drop are
   * empty on the device and not stored.
   */
  async function expectSynced(
    device: Device,
    dataset: DeviceDataset,
    values: Record<string, string>,
    dropped: Record<string, ''> = {},
  ) {
    expect(await syncOf(device, dataset)).toEqual({ outcome: SUCCESS, calls: ['listRecords'] });
    expect(await dataset.getAll()).toEqual({ ...values, ...dropped });
    expect(await storedOf(device)).toEqual(values);
  }

  it('shows the old score again after it has synced a lower score', async () => {
    await onPhone.put('score', '10');
    await onPhone.sync();
    await onPhone.put('score', '5');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    expect(await onPhone.get('score')).toBe('10');
    await expectSynced(phone, onPhone, { score: '10' });
  });

  it('shows a removed key again if a rule forbids its removal', async () => {
    await onPhone.put('score', '10');
    await onPhone.sync();
    await onPhone.remove('score');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectSynced(phone, onPhone, { score: '10' });
  });

  it('shows a key without a rule as empty even after removing it, like any removed key', async () => {
    await onPhone.putAll({ score: '10', aimbot: 'on' });
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectSynced(phone, onPhone, { score: '10' }, { aimbot: '' });
    await onPhone.put('aimbot', 'again');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectSynced(phone, onPhone, { score: '10' }, { aimbot: '' });
    await onPhone.remove('aimbot');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectSynced(phone, onPhone, { score: '10' }, { aimbot: '' });
  });

  it('syncs even if all its changes are dropped', async () => {
    await onPhone.putAll({ aimbot: 'on', wallhack: 'on' });
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectSynced(phone, onPhone, {}, { aimbot: '', wallhack: '' });
  });

  it('fails each sync after four attempts until the app corrects a rejected change', async () => {
    const attempt = ['listRecords', 'updateRecords InvalidLambdaFunctionOutputException'];
    const calls = [...attempt, ...attempt, ...attempt, ...attempt];
    const retriesExceeded = { outcome: RETRIES_EXCEEDED, calls };
    await onPhone.putAll({ score: '10', name: 'admin' });
    expect(await syncOf(phone, onPhone)).toEqual(retriesExceeded);
    expect(await syncOf(phone, onPhone)).toEqual(retriesExceeded);
    expect(await onPhone.getAll()).toEqual({ score: '10', name: 'admin' });
    expect(await storedOf(phone)).toEqual({});
    await onPhone.put('name', 'Ada ');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectSynced(phone, onPhone, { score: '10', name: 'Ada' });
  });

  it('shows a badge after the sync that earned it', async () => {
    await onPhone.put('score', '900');
    await onPhone.sync();
    await onPhone.put('score', '1200');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    expect(await onPhone.get('badge-gold')).toBe('yes');
    await expectSynced(phone, onPhone, { score: '1200', 'badge-gold': 'yes' });
    await onPhone.put('badge-gold', 'no');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectSynced(phone, onPhone, { score: '1200', 'badge-gold': 'yes' });
  });

  it('gets the higher score of two devices, even if the app resolves the conflict with the lower one', async () => {
    await onPhone.put('score', '10');
    await onPhone.sync();
    const tablet = await newDevice();
    const onTablet = await tablet.open('game');
    await onTablet.sync();
    await onPhone.put('score', '900');
    await onPhone.sync();
    await onTablet.put('score', '20');
    const { outcome } = await syncOf(tablet, onTablet, {
      onConflict: (conflicts) => conflicts.map((conflict) => conflict.resolveWithLocalRecord()),
    });
    expect(outcome).toEqual({ ...SUCCESS, callbacks: ['conflict: score'] });
    await expectSynced(tablet, onTablet, { score: '900' });
    expect((await syncOf(phone, onPhone)).outcome).toEqual(SUCCESS);
    await expectSynced(phone, onPhone, { score: '900' });
  });
});
