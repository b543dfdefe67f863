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

const SUCCESS = { ended: 'success', message: null, asked: [] };
const GAVE_UP = { ended: 'failure', message: 'Synchronize failed: exceeded maximum retry count.', asked: [] };

/** With the rules of docs/sync-rules.md, "A game". */
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

/** What a developer finds in the service; a record that is removed as an empty text, as amazon-cognito-js shows it. */
async function stored(identity: Identity): Promise<Record<string, string>> {
  const { Records = [] } = await list(developer, identity, 'game');
  return Object.fromEntries(Records.map(({ Key, Value }) => [Key, Value ?? '']));
}

describe('an app with version 3 of the SDK', () => {
  let identity: Identity;
  let update: (...patches: RecordPatch[]) => ReturnType<typeof write>;
  beforeEach(async () => {
    identity = newIdentity();
    const client = await identityClient(cloud, identity);
    update = (...patches) => write(client, identity, 'game', patches);
  });
  const told = async (updated: ReturnType<typeof update>) =>
    (await updated).Records?.map(({ Key, Value, SyncCount }) => [Key, Value, SyncCount]);

  it('is told the old score where it sends a lower one', async () => {
    await update(set('score', '10'));
    expect(await told(update(set('score', '5', 1)))).toEqual([['score', '10', 2]]);
    expect(await stored(identity)).toEqual({ score: '10' });
  });

  it('is told that a key is gone which no rule names', async () => {
    expect(await told(update(set('score', '10'), set('aimbot', 'on')))).toEqual([
      ['score', '10', 1],
      ['aimbot', undefined, 1],
    ]);
    expect(await stored(identity)).toEqual({ score: '10', aimbot: '' });
  });

  it('is told why a change is rejected, and nothing of the call is stored', async () => {
    expect(await refusalOf(update(set('score', '10'), set('name', ' admin ')))).toEqual({
      name: 'InvalidLambdaFunctionOutputException',
      status: 400,
      message: 'SyncTrigger failed with error name: that name is taken.',
    });
    expect(await stored(identity)).toEqual({});
    expect(await told(update(set('score', '10'), set('name', ' Ada ')))).toEqual([
      ['score', '10', 1],
      ['name', 'Ada', 1],
    ]);
  });

  it('is told of a badge in the answer to what earned it', async () => {
    await update(set('score', '900'));
    expect(await told(update(set('score', '1200', 1)))).toEqual([
      ['score', '1200', 2],
      ['badge-gold', 'yes', 2],
    ]);
    expect(await told(update(remove('badge-gold', 2)))).toEqual([['badge-gold', 'yes', 3]]);
  });

  it('cannot give itself a badge', async () => {
    expect(await told(update(set('score', '10'), set('badge-gold', 'yes')))).toEqual([
      ['score', '10', 1],
      ['badge-gold', undefined, 1],
    ]);
  });

  it('has what a developer writes, whatever the rules', async () => {
    await update(set('score', '10'));
    await write(developer, identity, 'game', [set('score', '5', 1), set('gift', 'sword')]);
    expect(await stored(identity)).toEqual({ score: '5', gift: 'sword' });
    expect(await told(update(set('score', '4', 2)))).toEqual([['score', '5', 3]]);
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

  /** How a sync ended, and by which calls. */
  async function syncOf(
    device: Device,
    dataset: DeviceDataset,
    answers?: Parameters<typeof dataset.sync>[0],
  ) {
    const before = device.calls.length;
    const outcome = await dataset.sync(answers);
    return { outcome, calls: device.calls.slice(before) };
  }
  const pushed = { outcome: SUCCESS, calls: ['listRecords', 'updateRecords'] };

  /** Device and service have these values, and the device has nothing more to say. */
  async function expectPeace(device: Device, dataset: DeviceDataset, values: Record<string, string>) {
    expect(await syncOf(device, dataset)).toEqual({ outcome: SUCCESS, calls: ['listRecords'] });
    expect(await dataset.getAll()).toEqual(values);
    expect(await storedOf(device)).toEqual(values);
  }

  it('has the old score again once it has synced a lower one', async () => {
    await onPhone.put('score', '10');
    await onPhone.sync();
    await onPhone.put('score', '5');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    expect(await onPhone.get('score')).toBe('10');
    await expectPeace(phone, onPhone, { score: '10' });
  });

  it('has what it removed again, where that cannot be removed', async () => {
    await onPhone.put('score', '10');
    await onPhone.sync();
    await onPhone.remove('score');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectPeace(phone, onPhone, { score: '10' });
  });

  it('shows a key that no rule names as empty, and can be rid of it no better, as with any that is removed', async () => {
    await onPhone.putAll({ score: '10', aimbot: 'on' });
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectPeace(phone, onPhone, { score: '10', aimbot: '' });
    await onPhone.put('aimbot', 'again');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectPeace(phone, onPhone, { score: '10', aimbot: '' });
    await onPhone.remove('aimbot');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectPeace(phone, onPhone, { score: '10', aimbot: '' });
  });

  it('syncs where all that it sends is dropped', async () => {
    await onPhone.putAll({ aimbot: 'on', wallhack: 'on' });
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectPeace(phone, onPhone, { aimbot: '', wallhack: '' });
  });

  it('gives up after four attempts where it is rejected, each time until the app puts it right', async () => {
    const attempt = ['listRecords', 'updateRecords InvalidLambdaFunctionOutputException'];
    const gaveUp = { outcome: GAVE_UP, calls: [...attempt, ...attempt, ...attempt, ...attempt] };
    await onPhone.putAll({ score: '10', name: 'admin' });
    expect(await syncOf(phone, onPhone)).toEqual(gaveUp);
    expect(await syncOf(phone, onPhone)).toEqual(gaveUp);
    expect(await onPhone.getAll()).toEqual({ score: '10', name: 'admin' });
    expect(await storedOf(phone)).toEqual({});
    await onPhone.put('name', 'Ada ');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectPeace(phone, onPhone, { score: '10', name: 'Ada' });
  });

  it('has a badge after the sync that earned it', async () => {
    await onPhone.put('score', '900');
    await onPhone.sync();
    await onPhone.put('score', '1200');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    expect(await onPhone.get('badge-gold')).toBe('yes');
    await expectPeace(phone, onPhone, { score: '1200', 'badge-gold': 'yes' });
    await onPhone.put('badge-gold', 'no');
    expect(await syncOf(phone, onPhone)).toEqual(pushed);
    await expectPeace(phone, onPhone, { score: '1200', 'badge-gold': 'yes' });
  });

  it('has the higher score of two devices, whichever its app takes in a conflict', async () => {
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
    expect(outcome).toEqual({ ...SUCCESS, asked: ['conflict: score'] });
    await expectPeace(tablet, onTablet, { score: '900' });
    expect((await syncOf(phone, onPhone)).outcome).toEqual(SUCCESS);
    await expectPeace(phone, onPhone, { score: '900' });
  });
});
