import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { identityForbidden, loginTokenExpired, providerUnavailable } from '../../../lib/identity/errors.ts';
import type { Logins } from '../../../lib/identity/model.ts';
import { createOpenIdTokens } from '../../../lib/identity/open-id-token.ts';
import type { LinkChange } from '../../../lib/identity/ports/identity-store.ts';
import type { VerifyLogin } from '../../../lib/identity/ports/verify-login.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { copyPool } from '../../../lib/move/copy.ts';
import { createOriginLogins } from '../../../lib/move/origin-logins.ts';
import { ownBeforeChanges, ownIssuing } from '../../../lib/move/own-operations.ts';
import { createOwnership } from '../../../lib/move/ownership.ts';
import type { Origin } from '../../../lib/move/ports/origin.ts';
import { createFinishStore } from '../../../lib/move/store/finish-store.ts';
import { createMoveStore } from '../../../lib/move/store/move-store.ts';
import { createTakeOverStore } from '../../../lib/move/store/take-over-store.ts';
import { DEFAULT_LIMITS } from '../../../lib/sync/limits.ts';
import { POSTGRESQL, SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { type IdentityOrigin, identityOrigin } from '../../fixtures/identity/identity-origin.ts';
import {
  createIdentityService,
  DEVELOPER_PROVIDER,
  type IdentityService,
  login,
  OWN_PROVIDER,
} from '../../fixtures/identity/identity-service.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';
import { scriptedOrigin } from './scripted-origin.ts';

const GOOGLE = 'accounts.google.com';
const APPLE = 'appleid.apple.com';
const HOUR = 3_600_000;
const ORIGIN_KEY = Buffer.alloc(32, 9);
const TRY_AGAIN = { code: 'InternalErrorException', status: 500 };

describe.each(SERVICE_DATABASES)('a service with a pool that is being migrated, on $name', ({ open }) => {
  let database: Database;
  let there: IdentityService;
  let databaseThere: Database;
  beforeAll(async () => {
    database = await open();
    databaseThere = await POSTGRESQL.openOwn();
    there = createIdentityService(databaseThere, {
      openIdTokens: createOpenIdTokens({ keys: [ORIGIN_KEY], now: () => there.clock.now }),
    });
  });
  afterAll(async () => {
    await database.close();
    await databaseThere.close();
  });

  /** Creates a pool at the origin, and a process of the target. `copy` copies the pool. */
  async function moving(settings: Parameters<IdentityService['newIdentityPool']>[0] = {}) {
    const SupportedLoginProviders = { [GOOGLE]: 'client', [APPLE]: 'client' };
    const pool = await there.newIdentityPool({ SupportedLoginProviders, ...settings });
    const at = identityOrigin(there);
    const origin: Origin = { ...scriptedOrigin(pool, {}), ...at.calls };
    const store = createMoveStore(database, { offloading: null, now: Date.now });
    const copy = () =>
      copyPool(
        {
          origin,
          store,
          limits: DEFAULT_LIMITS,
          maxCallsPerSecond: 1_000,
          now: Date.now,
          sleep: async () => undefined,
        },
        { identityPoolId: pool, holder: 'test' },
      );
    const here = newProcess(at, origin);
    return { pool, at, copy, origin, ...here };
  }

  function newProcess(
    at: IdentityOrigin,
    origin: Origin,
    { onLink, ...more }: { onLink?: (change: LinkChange) => Promise<void>; verifyLogin?: VerifyLogin } = {},
  ) {
    const clock = { now: 0 };
    const takeOvers = createTakeOverStore(database);
    const store = createMoveStore(database, { offloading: null, now: Date.now });
    const shared = { takeOvers, store, now: Date.now, steadyNow: () => clock.now };
    const reports: string[] = [];
    const report = (message: string) => void reports.push(message);
    const ownership = createOwnership({
      ...shared,
      limits: DEFAULT_LIMITS,
      openOrigin: () => origin,
      sleep: (ms) => sleep(ms, undefined, { ref: false }),
      report,
    });
    const tokens = createOpenIdTokens({ keys: [ORIGIN_KEY], now: () => there.clock.now });
    const originLogins = createOriginLogins({
      ...shared,
      ownership,
      openPublicOrigin: () => at.client,
      openToken: async (_pool, token) => tokens.open(token),
      report,
    });
    const identities = createIdentityStore(database);
    const identityStore = {
      ...identities,
      async applyLinks(change: LinkChange) {
        await onLink?.(change);
        return identities.applyLinks(change);
      },
    };
    const service = createIdentityService(database, {
      store: ownBeforeChanges(identityStore, ownership),
      origin: originLogins,
      ...more,
    });
    const issuing = ownIssuing(service.operations, ownership);
    const operations = { ...service.operations, ...issuing };
    const pass = (ms: number) => {
      clock.now += ms;
    };
    pass(HOUR);
    return { operations, assumeRole: service.assumeRole, pass, reports, merges: service.merges };
  }

  const getId = (operations: IdentityService['operations'], IdentityPoolId: string, Logins: Logins) =>
    operations.GetId({ IdentityPoolId, Logins }).then(({ IdentityId }) => IdentityId);
  const newGuest = async (pool: string) =>
    (await there.operations.GetId({ IdentityPoolId: pool })).IdentityId;
  const countThere = async (IdentityPoolId: string) =>
    (await there.operations.ListIdentities({ IdentityPoolId, MaxResults: 60 }, DEVELOPER)).Identities.length;
  const providersHere = async (operations: IdentityService['operations'], IdentityId: string) =>
    (await operations.DescribeIdentity({ IdentityId }, DEVELOPER)).Logins;
  async function linkedHere(identityId: string): Promise<{ linked: string[]; copied: string | null }> {
    const { rows } = await database.query<{ provider: string }>(
      'SELECT provider FROM identity.logins WHERE identity_id = $1 ORDER BY provider',
      [identityId],
    );
    const { rows: stored } = await database.query<{ copied_providers: string | null }>(
      'SELECT copied_providers FROM identity.identities WHERE identity_id = $1',
      [identityId],
    );
    return { linked: rows.map(({ provider }) => provider), copied: stored[0]?.copied_providers ?? null };
  }

  it('asks the origin for the identity of a copied login, links the login permanently, and does not ask again', async () => {
    const { pool, at, copy, operations } = await moving();
    const id = await getId(there.operations, pool, { ...login('ann'), ...login('ann', APPLE) });
    await copy();
    expect(await linkedHere(id)).toEqual({ linked: [], copied: JSON.stringify([GOOGLE, APPLE].sort()) });
    expect(await getId(operations, pool, login('ann'))).toBe(id);
    expect(await linkedHere(id)).toEqual({ linked: [GOOGLE], copied: JSON.stringify([APPLE]) });
    expect(at.asked).toEqual([`GetId ${GOOGLE}`]);
    expect(await getId(operations, pool, login('ann'))).toBe(id);
    const used = await operations.GetCredentialsForIdentity({ IdentityId: id, Logins: login('ann') });
    expect(used.IdentityId).toBe(id);
    expect(at.asked).toHaveLength(1);
    await copy();
    expect(await linkedHere(id)).toEqual({ linked: [GOOGLE], copied: JSON.stringify([APPLE]) });
    expect(await getId(operations, pool, login('ann', APPLE))).toBe(id);
    expect(await linkedHere(id)).toEqual({ linked: [GOOGLE, APPLE].sort(), copied: null });
    expect(await countThere(pool)).toBe(1);
  });

  it('creates an identity here that was created at the origin after the copy', async () => {
    const { pool, copy, operations } = await moving();
    await copy();
    const id = await getId(there.operations, pool, login('late'));
    expect(await getId(operations, pool, login('late'))).toBe(id);
    // A login that is new on both sides gets one identity on both sides.
    const fresh = await getId(operations, pool, login('fresh'));
    expect(await getId(there.operations, pool, login('fresh'))).toBe(fresh);
    expect(await providersHere(operations, fresh)).toEqual([GOOGLE]);
  });

  it.each(['unavailable', 'throttled', 'credentials', 'refused'] as const)(
    'lets clients try again and creates no identity while calls to the origin fail with "%s"',
    async (condition) => {
      const { pool, at, copy, operations, reports } = await moving();
      const id = await getId(there.operations, pool, login('ann'));
      await copy();
      const count = async () =>
        (await operations.ListIdentities({ IdentityPoolId: pool, MaxResults: 60 }, DEVELOPER)).Identities;
      at.failure = condition;
      await expect(getId(operations, pool, login('ann'))).rejects.toMatchObject(TRY_AGAIN);
      await expect(getId(operations, pool, login('new'))).rejects.toMatchObject(TRY_AGAIN);
      const asked = { IdentityId: id, Logins: login('ann') };
      await expect(operations.GetCredentialsForIdentity(asked)).rejects.toMatchObject(TRY_AGAIN);
      await expect(operations.GetOpenIdToken(asked)).rejects.toMatchObject(TRY_AGAIN);
      await expect(operations.GetId({ IdentityPoolId: pool })).rejects.toMatchObject(TRY_AGAIN);
      const user = { IdentityPoolId: pool, Logins: { [DEVELOPER_PROVIDER]: 'new' } };
      const logIn = operations.GetOpenIdTokenForDeveloperIdentity(user, DEVELOPER);
      await expect(logIn).rejects.toMatchObject(TRY_AGAIN);
      expect(await count()).toHaveLength(1);
      expect(reports).toContain('the origin could not be asked about a login');
      at.failure = null;
      expect(await getId(operations, pool, login('ann'))).toBe(id);
      at.failure = condition;
      expect(await getId(operations, pool, login('ann'))).toBe(id);
    },
  );

  it('does not ask the origin before a token is verified', async () => {
    const { pool, at, copy, operations } = await moving();
    const id = await getId(there.operations, pool, login('ann'));
    await copy();
    await expect(getId(operations, pool, { [GOOGLE]: '' })).rejects.toMatchObject({
      code: 'NotAuthorizedException',
    });
    for (const Logins of [{ [GOOGLE]: '' }, { [OWN_PROVIDER]: 'no token' }, {}]) {
      const asked = { IdentityId: id, Logins };
      await expect(operations.GetCredentialsForIdentity(asked)).rejects.toMatchObject({
        code: 'NotAuthorizedException',
      });
    }
    expect(at.asked).toEqual([]);
    const { rows } = await database.query(
      'SELECT 1 FROM move.identities WHERE identity_pool_id = $1 AND taken_over_ms IS NOT NULL',
      [pool],
    );
    expect(rows).toEqual([]);
  });

  it('passes on the errors with which the origin rejects a login', async () => {
    const { pool, copy, operations } = await moving();
    const ann = await getId(there.operations, pool, login('ann'));
    await getId(there.operations, pool, login('bob'));
    await copy();
    const asked = { IdentityId: ann, Logins: login('bob') };
    const mismatch = {
      code: 'NotAuthorizedException',
      message: expect.stringContaining("Logins don't match"),
    };
    await expect(there.operations.GetCredentialsForIdentity(asked)).rejects.toMatchObject(mismatch);
    await expect(operations.GetCredentialsForIdentity(asked)).rejects.toMatchObject(mismatch);
    expect(await linkedHere(ann)).toEqual({ linked: [], copied: JSON.stringify([GOOGLE]) });
  });

  it('keeps the id of a copied guest who logs in, and merges the guest if the login is known', async () => {
    const { pool, at, copy, operations, merges } = await moving();
    const ann = await getId(there.operations, pool, login('ann'));
    const [first, second] = [await newGuest(pool), await newGuest(pool)];
    await copy();
    const become = (IdentityId: string, user: string) =>
      operations.GetCredentialsForIdentity({ IdentityId, Logins: login(user) });
    expect((await become(first, 'new')).IdentityId).toBe(first);
    expect(await linkedHere(first)).toEqual({ linked: [GOOGLE], copied: null });
    expect((await become(second, 'ann')).IdentityId).toBe(ann);
    expect(merges).toMatchObject([{ from: { identityId: second }, into: ann }]);
    expect(at.asked).toEqual(Array(2).fill(`GetCredentialsForIdentity ${GOOGLE}`));
    expect(await getId(there.operations, pool, login('new'))).toBe(first);
    await expect(there.operations.GetOpenIdToken({ IdentityId: second })).rejects.toThrow('forbidden');
    await expect(operations.GetOpenIdToken({ IdentityId: second })).rejects.toThrow('forbidden');
  });

  it('merges no identity of which the client sends only the id, without proof', async () => {
    const { pool, copy, operations } = await moving({ SupportedLoginProviders: { [GOOGLE]: 'client' } });
    await copy();
    // An identity that exists only here, because the origin does not have its provider.
    const own = await getId(operations, pool, login('own', APPLE));
    const ann = await getId(there.operations, pool, login('ann'));
    const attack = operations.GetCredentialsForIdentity({ IdentityId: own, Logins: login('ann') });
    await expect(attack).rejects.toThrow("Logins don't match");
    expect(await getId(operations, pool, login('own', APPLE))).toBe(own);
    expect(await getId(operations, pool, login('ann'))).toBe(ann);
  });

  it('creates guests on both sides, and finds guests that were created after the copy', async () => {
    const { pool, at, copy, operations, pass } = await moving();
    await copy();
    const { IdentityId: here } = await operations.GetId({ IdentityPoolId: pool });
    expect((await there.operations.GetOpenIdToken({ IdentityId: here })).IdentityId).toBe(here);
    const late = await newGuest(pool);
    expect((await operations.GetCredentialsForIdentity({ IdentityId: late })).IdentityId).toBe(late);
    const unknown = `us-east-1:${randomUUID()}`;
    const before = at.asked.length;
    for (let request = 0; request < 3; request += 1)
      await expect(operations.GetOpenIdToken({ IdentityId: unknown })).rejects.toMatchObject({
        message: identityForbidden(unknown).message,
      });
    expect(at.asked).toHaveLength(before + 1);
    for (let request = 0; request < 100; request += 1)
      await operations.GetOpenIdToken({ IdentityId: `us-east-1:${randomUUID()}` }).catch(() => undefined);
    expect(at.asked.length).toBeLessThan(before + 30);
    pass(HOUR);
    expect((await operations.GetOpenIdToken({ IdentityId: late })).IdentityId).toBe(late);
  });

  describe('asked for an identity with logins that was created at the origin after the copy', () => {
    const OPERATIONS = ['GetCredentialsForIdentity', 'GetOpenIdToken'] as const;
    const existsHere = (operations: IdentityService['operations'], IdentityId: string) =>
      operations.DescribeIdentity({ IdentityId }, DEVELOPER).then(
        () => true,
        () => false,
      );

    it.each(OPERATIONS)('creates the identity here for %s', async (operation) => {
      const { pool, copy, operations } = await moving();
      await copy();
      const late = await getId(there.operations, pool, login('late'));
      const asked = { IdentityId: late, Logins: login('late') };
      expect((await operations[operation](asked)).IdentityId).toBe(late);
      expect(await linkedHere(late)).toEqual({ linked: [GOOGLE], copied: null });
      expect(await getId(operations, pool, login('late'))).toBe(late);
      expect(await countThere(pool)).toBe(1);
    });

    it('creates the identity in its own pool while several pools are being migrated', async () => {
      const [first, second] = [await moving(), await moving()];
      await first.copy();
      await second.copy();
      for (const { pool } of [second, first]) {
        const late = await getId(there.operations, pool, login('late'));
        const asked = { IdentityId: late, Logins: login('late') };
        expect((await second.operations.GetCredentialsForIdentity(asked)).IdentityId).toBe(late);
        expect(await getId(second.operations, pool, login('late'))).toBe(late);
        expect(await countThere(pool)).toBe(1);
      }
    });

    it('rejects the login of another user, and creates nothing on either side', async () => {
      const { pool, at, copy, operations } = await moving();
      await copy();
      const late = await getId(there.operations, pool, login('late'));
      await getId(there.operations, pool, login('bob'));
      const { length } = at.asked;
      for (const user of ['bob', 'new', 'bob', 'new']) {
        for (const operation of OPERATIONS) {
          const request = operations[operation]({ IdentityId: late, Logins: login(user) });
          await expect(request).rejects.toMatchObject({ message: identityForbidden(late).message });
        }
      }
      expect(at.asked.slice(length)).toEqual(Array(2).fill(`GetOpenIdToken ${GOOGLE}`));
      expect(await existsHere(operations, late)).toBe(false);
      expect(await countThere(pool)).toBe(2);
      expect((await operations.GetOpenIdToken({ IdentityId: late, Logins: login('late') })).IdentityId).toBe(
        late,
      );
    });

    it.each(['unavailable', 'throttled', 'credentials', 'refused'] as const)(
      'lets the client try again while calls to the origin fail with "%s"',
      async (condition) => {
        const { pool, at, copy, operations } = await moving();
        await copy();
        const late = await getId(there.operations, pool, login('late'));
        const asked = { IdentityId: late, Logins: login('late') };
        at.failure = condition;
        for (const operation of OPERATIONS)
          await expect(operations[operation](asked)).rejects.toMatchObject(TRY_AGAIN);
        expect(await existsHere(operations, late)).toBe(false);
        at.failure = null;
        expect((await operations.GetCredentialsForIdentity(asked)).IdentityId).toBe(late);
      },
    );

    it('says that a login has expired, so that the client gets a new token', async () => {
      const { pool, at, copy, origin } = await moving();
      await copy();
      const late = await getId(there.operations, pool, login('late'));
      const verifyLogin = async () => {
        throw loginTokenExpired(2, 1);
      };
      const { operations } = newProcess(at, origin, { verifyLogin });
      for (const operation of OPERATIONS)
        await expect(
          operations[operation]({ IdentityId: late, Logins: login('late') }),
        ).rejects.toMatchObject({
          message: 'Invalid login token. Token expired: 2 >= 1',
        });
    });

    it('presents no login to the origin that cannot be verified here', async () => {
      const { pool, at, copy, origin, operations } = await moving();
      await copy();
      const late = await getId(there.operations, pool, login('late'));
      for (const Logins of [
        { [GOOGLE]: '' },
        { ...login('late'), [APPLE]: '' },
        { [OWN_PROVIDER]: 'no token' },
      ])
        await expect(operations.GetOpenIdToken({ IdentityId: late, Logins })).rejects.toMatchObject({
          message: identityForbidden(late).message,
        });
      const verifyLogin = async () => {
        throw providerUnavailable(GOOGLE);
      };
      const unverified = newProcess(at, origin, { verifyLogin });
      const asked = { IdentityId: late, Logins: login('late') };
      await expect(unverified.operations.GetOpenIdToken(asked)).rejects.toMatchObject({
        code: 'ExternalServiceException',
      });
      expect(at.asked).toEqual([]);
    });

    it('presents only logins of providers that the pool has at the origin', async () => {
      const { pool, at, copy, operations } = await moving({
        SupportedLoginProviders: { [GOOGLE]: 'client' },
      });
      await copy();
      const late = await getId(there.operations, pool, login('late'));
      const both = { ...login('late'), ...login('late', APPLE) };
      expect((await operations.GetOpenIdToken({ IdentityId: late, Logins: both })).IdentityId).toBe(late);
      // The list also has requests for other pools of this test file, which accept both logins.
      expect(at.asked).toContain(`GetOpenIdToken ${GOOGLE}`);
      expect((await linkedHere(late)).linked).toEqual([GOOGLE, APPLE].sort());
    });

    it('limits how often clients with a valid login make the service search for unknown identity ids', async () => {
      const { pool, at, copy, operations } = await moving();
      await copy();
      await getId(there.operations, pool, login('bob'));
      const { length } = at.asked;
      for (let request = 0; request < 100; request += 1) {
        const asked = { IdentityId: `us-east-1:${randomUUID()}`, Logins: login('bob') };
        await operations.GetOpenIdToken(asked).catch(() => undefined);
      }
      expect(at.asked.length - length).toBe(25);
      // The limit for clients with logins does not affect guests.
      const guest = await newGuest(pool);
      expect((await operations.GetOpenIdToken({ IdentityId: guest })).IdentityId).toBe(guest);
    });

    it('logs in or merges a guest that was created at the origin, as the origin does', async () => {
      const { pool, copy, operations } = await moving();
      await copy();
      const ann = await getId(there.operations, pool, login('ann'));
      const [first, second] = [await newGuest(pool), await newGuest(pool)];
      const become = (IdentityId: string, user: string) =>
        operations.GetCredentialsForIdentity({ IdentityId, Logins: login(user) });
      expect((await become(first, 'new')).IdentityId).toBe(first);
      expect((await become(second, 'ann')).IdentityId).toBe(ann);
      expect(await getId(there.operations, pool, login('new'))).toBe(first);
      for (const IdentityId of [first, second])
        await expect(operations.GetOpenIdToken({ IdentityId })).rejects.toThrow('forbidden');
    });

    it('accepts an OpenID token of the origin as proof of the identity', async () => {
      const { pool, copy, operations } = await moving();
      await copy();
      const user = { IdentityPoolId: pool, Logins: { [DEVELOPER_PROVIDER]: 'late' } };
      const { IdentityId, Token } = await there.operations.GetOpenIdTokenForDeveloperIdentity(
        user,
        DEVELOPER,
      );
      const asked = { IdentityId, Logins: { [OWN_PROVIDER]: Token } };
      expect((await operations.GetCredentialsForIdentity(asked)).IdentityId).toBe(IdentityId);
    });
  });

  it('lets a client try again if the migration ends while the origin creates a guest for the client', async () => {
    const { pool, at, copy, operations, pass } = await moving();
    await copy();
    const store = createMoveStore(database, { offloading: null, now: Date.now });
    const { present } = at.client;
    at.client.present = async (client) => {
      const named = await present(client);
      const moved = await store.readPool(pool, Date.now());
      const { identities } = await store.countIdentities(pool, 0);
      const about = { startedAt: moved?.startedAt ?? 0, at: Date.now(), identities };
      expect(await createFinishStore(database).finish(pool, about)).toBe(true);
      return named;
    };
    await expect(operations.GetId({ IdentityPoolId: pool })).rejects.toMatchObject(TRY_AGAIN);
    pass(HOUR);
    const { IdentityId: guest } = await operations.GetId({ IdentityPoolId: pool });
    expect((await operations.GetOpenIdToken({ IdentityId: guest })).IdentityId).toBe(guest);
    expect(at.asked).toEqual(['GetId']);
  });

  it('rejects the id of an owned guest that got a login or was merged at the origin', async () => {
    const { pool, copy, operations, pass, at } = await moving();
    const [logged, merged, alone] = [await newGuest(pool), await newGuest(pool), await newGuest(pool)];
    await getId(there.operations, pool, login('ann'));
    await copy();
    const use = (IdentityId: string) => operations.GetCredentialsForIdentity({ IdentityId });
    for (const IdentityId of [logged, merged, alone])
      expect((await use(IdentityId)).IdentityId).toBe(IdentityId);
    const asked = at.asked.length;
    await use(alone);
    expect(at.asked).toHaveLength(asked);
    const become = (IdentityId: string, user: string) =>
      there.operations.GetOpenIdToken({ IdentityId, Logins: login(user) });
    await become(logged, 'bob');
    await become(merged, 'ann');
    pass(HOUR);
    for (const IdentityId of [logged, merged]) await expect(use(IdentityId)).rejects.toThrow('forbidden');
    expect(await providersHere(operations, logged)).toEqual([GOOGLE]);
    at.failure = 'unavailable';
    for (const IdentityId of [logged, merged]) await expect(use(IdentityId)).rejects.toThrow('forbidden');
    // Credentials of other owned guests do not need the origin, which is unavailable.
    expect((await use(alone)).IdentityId).toBe(alone);
    at.failure = null;
    expect(await getId(operations, pool, login('bob'))).toBe(logged);
  });

  it('rejects the id of an owned guest if a repeated copy finds that the guest got a login', async () => {
    const { pool, copy, operations } = await moving();
    const guest = await newGuest(pool);
    await copy();
    await operations.GetCredentialsForIdentity({ IdentityId: guest });
    await there.operations.GetOpenIdToken({ IdentityId: guest, Logins: login('bob') });
    await copy();
    await expect(operations.GetCredentialsForIdentity({ IdentityId: guest })).rejects.toThrow('forbidden');
    expect(await linkedHere(guest)).toEqual({ linked: [], copied: JSON.stringify([GOOGLE]) });
  });

  it('accepts OpenID tokens of the origin as proof of an identity', async () => {
    const { pool, copy, operations, assumeRole } = await moving();
    await copy();
    const user = { IdentityPoolId: pool, Logins: { [DEVELOPER_PROVIDER]: 'ann' } };
    const { IdentityId, Token } = await there.operations.GetOpenIdTokenForDeveloperIdentity(user, DEVELOPER);
    const Logins = { [OWN_PROVIDER]: Token };
    expect(await getId(operations, pool, Logins)).toBe(IdentityId);
    const used = await operations.GetCredentialsForIdentity({ IdentityId, Logins });
    expect(used.IdentityId).toBe(IdentityId);
    const role = { RoleArn: 'arn:aws:iam::1:role/r', RoleSessionName: 's', WebIdentityToken: Token };
    expect((await assumeRole(role)).SubjectFromWebIdentityToken).toBe(IdentityId);
    const guest = await newGuest(pool);
    const { Token: ofGuest } = await there.operations.GetOpenIdToken({ IdentityId: guest });
    await expect(getId(operations, pool, { [OWN_PROVIDER]: ofGuest })).rejects.toThrow('Invalid login token');
    const other = await there.newIdentityPool();
    const foreign = { IdentityPoolId: other, Logins: user.Logins };
    const { Token: ofOther } = await there.operations.GetOpenIdTokenForDeveloperIdentity(foreign, DEVELOPER);
    await expect(getId(operations, pool, { [OWN_PROVIDER]: ofOther })).rejects.toThrow('Invalid login token');
  });

  it('keeps the identity if the client proves it with a token of this service and adds a login', async () => {
    const { pool, copy, operations } = await moving();
    await copy();
    const user = { IdentityPoolId: pool, Logins: { [DEVELOPER_PROVIDER]: 'ann' } };
    const { IdentityId, Token } = await operations.GetOpenIdTokenForDeveloperIdentity(user, DEVELOPER);
    expect((await there.operations.GetOpenIdTokenForDeveloperIdentity(user, DEVELOPER)).IdentityId).toBe(
      IdentityId,
    );
    const Logins = { [OWN_PROVIDER]: Token, ...login('ann') };
    expect((await operations.GetCredentialsForIdentity({ IdentityId, Logins })).IdentityId).toBe(IdentityId);
    expect(await getId(operations, pool, login('ann'))).toBe(IdentityId);
  });

  it('logs in developer users that were created at the origin before the copy or after it, and new ones', async () => {
    const { pool, at, copy, operations } = await moving();
    const input = (user: string) => ({ IdentityPoolId: pool, Logins: { [DEVELOPER_PROVIDER]: user } });
    const logIn = async (service: IdentityService['operations'], user: string) =>
      (await service.GetOpenIdTokenForDeveloperIdentity(input(user), DEVELOPER)).IdentityId;
    const copied = await logIn(there.operations, 'copied');
    await copy();
    const late = await logIn(there.operations, 'late');
    expect(await logIn(operations, 'copied')).toBe(copied);
    expect(at.asked).toEqual([]);
    expect(await logIn(operations, 'late')).toBe(late);
    const fresh = await logIn(operations, 'fresh');
    expect(await logIn(there.operations, 'fresh')).toBe(fresh);
  });

  it('unlinks logins on both sides, so that the origin does not link them again', async () => {
    const { pool, copy, operations } = await moving();
    const id = await getId(there.operations, pool, { ...login('ann'), ...login('ann', APPLE) });
    await copy();
    await operations.UnlinkIdentity({ IdentityId: id, Logins: login('ann'), LoginsToRemove: [APPLE] });
    expect(await getId(operations, pool, login('ann'))).toBe(id);
    expect(await linkedHere(id)).toEqual({ linked: [GOOGLE], copied: null });
    const another = await getId(operations, pool, login('ann', APPLE));
    expect(another).not.toBe(id);
    expect(await getId(there.operations, pool, login('ann', APPLE))).toBe(another);
  });

  it('gives a new identity to a user whose identity was deleted here', async () => {
    const { pool, copy, operations } = await moving();
    const id = await getId(there.operations, pool, login('ann'));
    await copy();
    await createIdentityStore(database).deleteIdentity(id, Date.now());
    const fresh = await getId(operations, pool, login('ann'));
    expect(fresh).not.toBe(id);
    expect(await getId(operations, pool, login('ann'))).toBe(fresh);
  });

  it('links a login once if two devices present it at the same moment', async () => {
    const { pool, at, copy, origin } = await moving();
    const id = await getId(there.operations, pool, login('ann'));
    await copy();
    const processes = [newProcess(at, origin), newProcess(at, origin)];
    const ids = await Promise.all(
      ['ann', 'ann', 'new', 'new'].map((user, index) => {
        const { operations } = processes[index % 2] ?? processes[0] ?? newProcess(at, origin);
        return getId(operations, pool, login(user));
      }),
    );
    expect(ids.slice(0, 2)).toEqual([id, id]);
    expect(ids[3]).toBe(ids[2]);
    expect(await countThere(pool)).toBe(2);
    expect(await linkedHere(id)).toEqual({ linked: [GOOGLE], copied: null });
  });

  it('asks the origin again if the process was killed after the origin’s answer and before the login was linked', async () => {
    const { pool, at, copy, origin } = await moving();
    const id = await getId(there.operations, pool, login('ann'));
    await copy();
    const killed = newProcess(at, origin, { onLink: () => Promise.reject(new Error('killed')) });
    await expect(getId(killed.operations, pool, login('ann'))).rejects.toThrow('killed');
    await expect(getId(killed.operations, pool, login('new'))).rejects.toThrow('killed');
    const { operations } = newProcess(at, origin);
    expect(await getId(operations, pool, login('ann'))).toBe(id);
    expect(await getId(operations, pool, login('new'))).toBe(
      await getId(there.operations, pool, login('new')),
    );
    expect(await countThere(pool)).toBe(2);
  });
});
