import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSweepGuests } from '../../../functions/sweep-guests.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { createGuestSweep } from '../../../lib/identity/store/guest-sweep.ts';
import { lockIdentities } from '../../../lib/sync/store/lock-identities.ts';
import { createPushStore } from '../../../lib/sync/store/push-store.ts';
import { createPostgresDatabase, SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import {
  createIdentityService,
  DEVELOPER_PROVIDER,
  type IdentityService,
  login,
} from '../../fixtures/identity/identity-service.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

describe.each(SERVICE_DATABASES)('the sweep of guests on $name', ({ open }) => {
  let database: Database;
  let service: IdentityService;
  let IdentityPoolId: string;

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [
      'identity.identities',
      'identity.logins',
      'identity.deleted_merges',
      'sync.datasets',
      'sync.devices',
      'sync.identities',
      'sync.pending_merges',
    ]);
    service = createIdentityService(database);
    IdentityPoolId = await service.newIdentityPool();
  });

  const getId = async (Logins = {}) =>
    (await service.operations.GetId({ IdentityPoolId, Logins })).IdentityId;
  const signIn = (IdentityId: string, Logins = {}) =>
    service.operations.GetCredentialsForIdentity({ IdentityId, Logins });
  const wait = (days: number) => {
    service.clock.now += days * DAY_MS;
  };
  const exists = async (identityId: string) => (await service.store.readIdentity(identityId)) !== null;
  const createSweep = () =>
    createSweepGuests({
      guests: createGuestSweep(database),
      logger: createLogger('sweep-guests'),
      now: () => service.clock.now,
    });
  const sweep = (run = createSweep()) => run({}, createLambdaContext('sweep-guests', 'us-east-1'));

  it('removes a guest after 30 days if the guest has never stored anything', async () => {
    const guest = await getId();
    wait(30);
    expect(await sweep()).toEqual({ swept: 0 });
    service.clock.now += 1;
    expect(await sweep()).toEqual({ swept: 1 });
    expect(await exists(guest)).toBe(false);
    expect(await sweep()).toEqual({ swept: 0 });
  });

  it('counts the 30 days from the day on which the guest last got credentials or a token', async () => {
    const [enhanced, classic] = [await getId(), await getId()];
    wait(20);
    await signIn(enhanced);
    await service.operations.GetOpenIdToken({ IdentityId: classic });
    wait(0.9);
    await signIn(enhanced);
    wait(29);
    expect(await sweep()).toEqual({ swept: 0 });
    wait(1);
    expect(await sweep()).toEqual({ swept: 2 });
  });

  it.each<[string, (guest: string) => Promise<unknown>]>([
    ['linked a login', (guest) => signIn(guest, login('ann'))],
    [
      'the developer authenticated',
      (IdentityId) =>
        service.operations.GetOpenIdTokenForDeveloperIdentity(
          { IdentityPoolId, IdentityId, Logins: { [DEVELOPER_PROVIDER]: 'ann' } },
          DEVELOPER,
        ),
    ],
    [
      'was merged into another identity, into which its datasets may still be moved',
      async (guest) => {
        await getId(login('bob'));
        await signIn(guest, login('bob'));
      },
    ],
    ['has a dataset', (guest) => deviceOf(guest).update(put('a', '1'))],
    [
      'had a dataset, which it deleted',
      async (guest) => {
        await deviceOf(guest).update(put('a', '1'));
        await deviceOf(guest).remove();
      },
    ],
  ])('keeps an identity that %s', async (_, act) => {
    const guest = await getId();
    await act(guest);
    wait(1_000);
    expect(await sweep()).toEqual({ swept: 0 });
    expect(await exists(guest)).toBe(true);
  });

  /** Creates a device of this identity that writes with the credentials of a developer. */
  function deviceOf(identityId: string) {
    const device = createDevice(createSyncService(database).operations, { identityId });
    const dataset = { ...device.dataset, IdentityPoolId };
    const { operations } = createSyncService(database);
    return {
      async update(...RecordPatches: Parameters<typeof device.update>) {
        const { SyncSessionToken } = await operations.ListRecords(dataset, DEVELOPER);
        await operations.UpdateRecords({ ...dataset, SyncSessionToken, RecordPatches }, DEVELOPER);
      },
      remove: () => operations.DeleteDataset(dataset, DEVELOPER),
    };
  }

  it('removes an identity whose last login was unlinked, unless it has stored something', async () => {
    const unlink = (IdentityId: string, sub: string) =>
      service.operations.UnlinkIdentity({
        IdentityId,
        Logins: login(sub),
        LoginsToRemove: ['accounts.google.com'],
      });
    const [empty, full] = [await getId(login('ann')), await getId(login('ben'))];
    await deviceOf(full).update(put('a', '1'));
    wait(100);
    await unlink(empty, 'ann');
    await unlink(full, 'ben');
    wait(30);
    expect(await sweep()).toEqual({ swept: 0 });
    service.clock.now += 1;
    expect(await sweep()).toEqual({ swept: 1 });
    expect([await exists(empty), await exists(full)]).toEqual([false, true]);
  });

  it('keeps an identity that was created with a login', async () => {
    const user = await getId(login('ann'));
    wait(1_000);
    expect(await sweep()).toEqual({ swept: 0 });
    expect(await exists(user)).toBe(true);
  });

  it('removes a merged identity that never stored anything, 30 days after the merge, with its devices', async () => {
    const [empty, full] = [await getId(), await getId()];
    await deviceOf(full).update(put('a', '1'));
    const user = await getId(login('bob'));
    await createPushStore(database).register(
      { identityPoolId: IdentityPoolId, identityId: empty, platform: 'GCM', token: 't' },
      'arn:e',
      { at: service.clock.now, maxDevices: 10 },
    );
    wait(100);
    for (const guest of [empty, full]) await signIn(guest, login('bob'));
    await database.query('DELETE FROM sync.pending_merges');
    wait(30);
    expect(await sweep()).toEqual({ swept: 0 });
    service.clock.now += 1;
    expect(await sweep()).toEqual({ swept: 1 });
    expect([await exists(empty), await exists(full), await exists(user)]).toEqual([false, true, true]);
    expect((await database.query('SELECT 1 FROM sync.devices')).rows).toEqual([]);
    // On this error, a client forgets the identity id.
    const { code, message } = await signIn(empty, login('bob')).catch((error) => error);
    expect([code, message]).toEqual([
      'NotAuthorizedException',
      `Access to Identity '${empty}' is forbidden.`,
    ]);
    expect(await getId(login('bob'))).toBe(user);
  });

  it('removes the row that remains in Cognito Sync if the creation of the first dataset was interrupted', async () => {
    const [guest, full] = [await getId(), await getId()];
    await lockIdentities(database, IdentityPoolId, [guest]);
    await deviceOf(full).update(put('a', '1'));
    wait(31);
    expect(await sweep()).toEqual({ swept: 1 });
    const { rows } = await database.query('SELECT identity_id FROM sync.identities');
    expect(rows).toEqual([{ identity_id: full }]);
  });

  it('forgets the merges of deleted identities after 400 days', async () => {
    const [guest, user] = [await getId(), await getId(login('bob'))];
    await signIn(guest, login('bob'));
    await service.store.deleteIdentity(user, service.clock.now);
    const merges = async () => (await database.query('SELECT 1 FROM identity.deleted_merges')).rows.length;
    wait(400);
    await sweep();
    expect(await merges()).toBe(1);
    service.clock.now += 1;
    await sweep();
    expect(await merges()).toBe(0);
  });

  it('keeps a guest and all its devices if one of the devices has registered in the last 30 days', async () => {
    const guest = { identityPoolId: IdentityPoolId, identityId: await getId() };
    const devices = createPushStore(database);
    const register = (token: string) =>
      devices.register({ ...guest, platform: 'GCM', token }, 'arn:e', {
        at: service.clock.now,
        maxDevices: 9,
      });
    const ids = [await register('old')];
    wait(20);
    ids.push(await register('new'));
    wait(20);
    await sweep();
    expect(await Promise.all([exists(guest.identityId), ...ids.map(devices.hasDevice)])).toEqual([
      true,
      true,
      true,
    ]);
    wait(20);
    await sweep();
    expect(await Promise.all([exists(guest.identityId), ...ids.map(devices.hasDevice)])).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('removes the push devices of a removed guest, and keeps those of other identities', async () => {
    const [guest, user] = [await getId(), await getId(login('ann'))];
    const devices = createPushStore(database);
    const register = (identityId: string) =>
      devices.register({ identityPoolId: IdentityPoolId, identityId, platform: 'GCM', token: 't' }, 'arn:e', {
        at: service.clock.now,
        maxDevices: 10,
      });
    const [ofGuest, ofUser] = [await register(guest), await register(user)];
    wait(31);
    expect(await sweep()).toEqual({ swept: 1 });
    expect([await devices.hasDevice(ofGuest), await devices.hasDevice(ofUser)]).toEqual([false, true]);
  });

  it('lets a client whose guest was removed start again with a new guest', async () => {
    const guest = await getId();
    wait(31);
    await sweep();
    await expect(signIn(guest)).rejects.toMatchObject({ message: expect.stringContaining(guest) });
    expect(await getId()).not.toBe(guest);
  });

  it('gives no credentials to a guest that the sweep removes during the request', async () => {
    const guest = await getId();
    wait(31);
    const racing = createIdentityService(database, {
      now: () => service.clock.now,
      store: {
        ...service.store,
        async readIdentity(identityId) {
          const identity = await service.store.readIdentity(identityId);
          await sweep();
          return identity;
        },
      },
    });
    await expect(racing.operations.GetCredentialsForIdentity({ IdentityId: guest })).rejects.toMatchObject({
      code: 'NotAuthorizedException',
      message: `Access to Identity '${guest}' is forbidden.`,
    });
  });

  it('checks all identities in steps; a run continues where the previous run ran out of time', async () => {
    const ids = Array.from({ length: 2_500 }, () => `us-east-1:${randomUUID()}`);
    await database.query(
      `INSERT INTO identity.identities (identity_id, identity_pool_id, created_ms, modified_ms)
       SELECT id, $1, 0, 0 FROM unnest($2::text[]) AS id`,
      [IdentityPoolId, `{${ids.join(',')}}`],
    );
    const run = createSweepGuests({
      guests: createGuestSweep(database),
      logger: createLogger('sweep-guests'),
      timeBudgetMs: 0,
    });
    const swept: number[] = [];
    for (let runs = 0; runs < 3; runs += 1) swept.push((await sweep(run)).swept);
    expect(swept).toEqual([1_000, 1_000, 500]);
  });
});

describe('the sweep of guests on PostgreSQL', () => {
  it('keeps a device that registers again while the sweep waits for it', async () => {
    const connectionString = await createPostgresDatabase();
    const [database, other] = [openPg({ connectionString }), openPg({ connectionString })];
    const service = createIdentityService(database);
    const IdentityPoolId = await service.newIdentityPool();
    const { IdentityId: identityId } = await service.operations.GetId({ IdentityPoolId });
    const guest = { identityPoolId: IdentityPoolId, identityId, platform: 'GCM' as const, token: 't' };
    const at = service.clock.now;
    const deviceId = await createPushStore(database).register(guest, 'arn:e', { at, maxDevices: 9 });
    const later = at + 40 * DAY_MS;
    let sweeping: Promise<unknown> | undefined;
    await other.transaction(async (transaction) => {
      await transaction.query('UPDATE sync.devices SET registered_ms = $1', [later]);
      sweeping = createGuestSweep(database).sweepStep('', later - 30 * DAY_MS);
      const waiting =
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
      await expect
        .poll(async () => (await transaction.query(waiting)).rows, { timeout: 5_000 })
        .toHaveLength(1);
    });
    await sweeping;
    expect(await createPushStore(database).hasDevice(deviceId)).toBe(true);
    await Promise.all([database.close(), other.close()]);
  });
});
