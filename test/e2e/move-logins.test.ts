import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CognitoIdentityClient,
  DescribeIdentityPoolCommand,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  GetOpenIdTokenCommand,
  GetOpenIdTokenForDeveloperIdentityCommand,
  ListIdentitiesCommand,
  UpdateIdentityPoolCommand,
} from '@aws-sdk/client-cognito-identity';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readLocalConfig } from '../../infra/local/local-config.ts';
import type { Logins } from '../../lib/identity/model.ts';
import { loadSyncManager } from '../clients/load-sync-manager.ts';
import type { DataStore } from '../clients/sync-manager.d.ts';
import { createDevice, type Device } from '../clients/sync-manager-device.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { type OidcServer, startOidcServer } from '../fixtures/identity/oidc-server.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { type StartedProcess, startProcess } from '../fixtures/local/npm-start.ts';
import { operate } from '../fixtures/local/operator.ts';
import {
  DEVELOPER_PROVIDER,
  type OriginAndTarget,
  startOriginAndTarget,
} from '../fixtures/local/origin-and-target.ts';
import { type OriginProxy, startOriginProxy } from '../fixtures/local/origin-proxy.ts';
import { AWS } from '../fixtures/wire/aws-sdk-v2.ts';
import { createSyncClient, list, set, write } from '../fixtures/wire/sync-client.ts';

const USER_POOL = 'cognito-idp.us-east-1.amazonaws.com/us-east-1_game';
const OWN = 'cognito-identity.amazonaws.com';

describe('logins during a migration', () => {
  let userPool: OidcServer;
  let both: OriginAndTarget;
  let proxy: OriginProxy;
  let pool: string;
  let loginProviders: string;
  beforeAll(async () => {
    userPool = await startOidcServer();
    const { issuer } = userPool;
    loginProviders = JSON.stringify({ [USER_POOL]: { issuer, jwksUri: `${issuer}/jwks` } });
    const { logins, loginProviders: settings } = readLocalConfig({
      LOGINS: 'verified',
      LOGIN_PROVIDERS: loginProviders,
    });
    const options = { logins, loginProviders: settings, tokenKeys: [randomBytes(32)] } as const;
    both = await startOriginAndTarget(startCloud, {
      follows: true,
      originOf: () => proxy?.url,
      options: { ...options, tokenKeys: [randomBytes(32)] },
    });
    proxy = await startOriginProxy(both.origin.cloud.url);
    pool = await both.newPool({ userPool: USER_POOL });
  });
  afterAll(async () => {
    await both.close();
    await proxy.close();
    await userPool.close();
  });

  const copy = async () =>
    expect(await both.run(['move', 'copy', '--pool', pool, '--rate', '1000'])).toMatchObject({ exitCode: 0 });
  const loginOf = async (user: string): Promise<Logins> => ({ [USER_POOL]: await userPool.logIn(user) });
  /** Logs in as an app does: GetId, then credentials. @returns the identity, and a client with its credentials */
  async function logIn(url: string, Logins: Logins, { maxAttempts = 1 } = {}) {
    const identity = new CognitoIdentityClient({ region: 'us-east-1', endpoint: url, maxAttempts });
    try {
      const found = await identity.send(new GetIdCommand({ IdentityPoolId: pool, Logins }));
      const { IdentityId = '' } = found;
      const issued = await identity.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins }));
      const { AccessKeyId = '', SecretKey = '', SessionToken = '' } = issued.Credentials ?? {};
      const credentials = {
        accessKeyId: AccessKeyId,
        secretAccessKey: SecretKey,
        sessionToken: SessionToken,
      };
      return { IdentityPoolId: pool, IdentityId, client: createSyncClient(url, { credentials }) };
    } finally {
      identity.destroy();
    }
  }
  async function newUser(user: string): Promise<string> {
    const { client, ...identity } = await logIn(both.origin.cloud.url, await loginOf(user));
    await write(client, identity, 'game', [set('player', user)]);
    client.destroy();
    return identity.IdentityId;
  }
  const countAt = async (side: 'origin' | 'target') => {
    const command = new ListIdentitiesCommand({ IdentityPoolId: pool, MaxResults: 60 });
    return (await both[side].identity.send(command)).Identities?.length;
  };

  it('keeps ids and data of users, and needs the origin only for the first login', async () => {
    const id = await newUser('ann');
    await copy();
    proxy.operations.length = 0;
    const phone = await logIn(both.target.cloud.url, await loginOf('ann'));
    expect(phone.IdentityId).toBe(id);
    const { Records } = await list(phone.client, phone, 'game');
    expect(Records).toMatchObject([{ Key: 'player', Value: 'ann' }]);
    expect(proxy.operations.filter((operation) => operation === 'GetId')).toHaveLength(1);
    const late = await newUser('late');
    const tablet = await logIn(both.target.cloud.url, await loginOf('late'));
    expect(tablet.IdentityId).toBe(late);
    expect((await list(tablet.client, tablet, 'game')).Records).toMatchObject([{ Value: 'late' }]);
    for (const { client } of [phone, tablet]) client.destroy();
    await copy();
    proxy.mode = 'down';
    try {
      const again = await logIn(both.target.cloud.url, await loginOf('ann'));
      expect(again.IdentityId).toBe(id);
      again.client.destroy();
    } finally {
      proxy.mode = 'up';
    }
  });

  it.each(['down', 'throttling'] as const)(
    'makes clients retry while the origin is %s, and creates no identity',
    async (mode) => {
      const id = await newUser(`user of ${mode}`);
      await copy();
      const Logins = await loginOf(`user of ${mode}`);
      const before = [await countAt('origin'), await countAt('target')];
      proxy.mode = mode;
      try {
        await expect(logIn(both.target.cloud.url, Logins)).rejects.toMatchObject({
          name: 'InternalErrorException',
          $metadata: { httpStatusCode: 500 },
        });
        await expect(logIn(both.target.cloud.url, await loginOf('new'))).rejects.toThrow('try again');
        expect([await countAt('origin'), await countAt('target')]).toEqual(before);
        const v3 = logIn(both.target.cloud.url, Logins, { maxAttempts: 15 });
        const v2 = new AWS.CognitoIdentity({
          region: 'us-east-1',
          endpoint: both.target.cloud.url,
          maxRetries: 15,
        });
        const ofV2 = v2.makeUnauthenticatedRequest('getId', { IdentityPoolId: pool, Logins }).promise();
        setTimeout(() => {
          proxy.mode = 'up';
        }, 500);
        const [found, answer] = await Promise.all([v3, ofV2]);
        expect([found.IdentityId, answer.IdentityId]).toEqual([id, id]);
        found.client.destroy();
      } finally {
        proxy.mode = 'up';
      }
    },
    60_000,
  );

  describe('of users whom the origin created after the copy, and whose app sends the identity id', () => {
    /** Creates an identity at the origin, without data: the target receives no event of the identity. */
    async function newIdentity(user: string) {
      const Logins = await loginOf(user);
      const input = { IdentityPoolId: pool, Logins };
      const { IdentityId } = await both.origin.identity.send(new GetIdCommand(input));
      return { IdentityId: String(IdentityId), Logins };
    }
    const issue = {
      GetCredentialsForIdentity: (asked: { IdentityId: string; Logins: Logins }) =>
        both.target.identity.send(new GetCredentialsForIdentityCommand(asked)),
      GetOpenIdToken: (asked: { IdentityId: string; Logins: Logins }) =>
        both.target.identity.send(new GetOpenIdTokenCommand(asked)),
    };

    it.each(['GetCredentialsForIdentity', 'GetOpenIdToken'] as const)(
      '%s returns the identity of the origin, and rejects the login of another user',
      async (name) => {
        await copy();
        const asked = await newIdentity(`late user of ${name}`);
        const counts = [await countAt('origin'), await countAt('target')];
        const stranger = { ...asked, Logins: await loginOf(`stranger of ${name}`) };
        await expect(issue[name](stranger)).rejects.toMatchObject({
          name: 'NotAuthorizedException',
          message: expect.stringContaining('Access to Identity'),
        });
        proxy.mode = 'down';
        try {
          await expect(issue[name](asked)).rejects.toMatchObject({ name: 'InternalErrorException' });
        } finally {
          proxy.mode = 'up';
        }
        expect([await countAt('origin'), await countAt('target')]).toEqual(counts);
        proxy.operations.length = 0;
        expect((await issue[name](asked)).IdentityId).toBe(asked.IdentityId);
        expect(proxy.operations).toContain('GetOpenIdToken');
        expect(proxy.operations).not.toContain('GetId');
        const { client, ...identity } = await logIn(both.target.cloud.url, asked.Logins);
        expect(identity.IdentityId).toBe(asked.IdentityId);
        await write(client, identity, 'game', [set('player', name)]);
        client.destroy();
      },
    );

    it('returns the identity of the origin if the pool there does not allow GetOpenIdToken', async () => {
      await copy();
      const { $metadata, ...settings } = await both.origin.identity.send(
        new DescribeIdentityPoolCommand({ IdentityPoolId: pool }),
      );
      const allowClassicFlow = (AllowClassicFlow: boolean) =>
        both.origin.identity.send(new UpdateIdentityPoolCommand({ ...settings, AllowClassicFlow }));
      await allowClassicFlow(false);
      try {
        const asked = await newIdentity('late user without the classic flow');
        const stranger = { ...asked, Logins: await loginOf('another stranger') };
        await expect(issue.GetCredentialsForIdentity(stranger)).rejects.toThrow('Access to Identity');
        expect((await issue.GetCredentialsForIdentity(asked)).IdentityId).toBe(asked.IdentityId);
        const guest = await both.newGuest(pool);
        const alone = new GetCredentialsForIdentityCommand({ IdentityId: guest });
        expect((await both.target.identity.send(alone)).IdentityId).toBe(guest);
      } finally {
        await allowClassicFlow(true);
      }
    });
  });

  it('keeps the identity of a guest whose app changes to the target and who then logs in, with amazon-cognito-js', async () => {
    const sdk = loadSyncManager();
    const local = new sdk.CognitoSyncManager.StoreInMemory();
    const SameStore = function SameStore() {
      return local;
    } as unknown as DataStore;
    const guest = await both.newGuest(pool);
    const start = (side: 'origin' | 'target', logins?: Record<string, string>) =>
      createDevice(sdk, {
        url: both[side].cloud.url,
        identityPoolId: pool,
        identityId: guest,
        dataStore: SameStore,
        ...(logins && { logins }),
      });
    const sync = async (device: Device, value: string) => {
      const game = await device.open('game');
      await game.put('score', value);
      expect(await game.sync()).toMatchObject({ ended: 'success', callbacks: [] });
    };
    await sync(await start('origin'), '1');
    await copy();
    await sync(await start('target'), '2');
    const logins = await loginOf('guest');
    const device = await start('target', logins);
    await sync(device, '3');
    expect(device.identityId()).toBe(guest);
    const atOrigin = await logIn(both.origin.cloud.url, await loginOf('guest'));
    expect(atOrigin.IdentityId).toBe(guest);
    await vi.waitFor(
      async () =>
        expect((await list(atOrigin.client, atOrigin, 'game')).Records).toMatchObject([{ Value: '3' }]),
      { timeout: 30_000, interval: 500 },
    );
    atOrigin.client.destroy();
  }, 60_000);

  it('merges a guest who logs in with the login of a copied identity', async () => {
    const id = await newUser('carl');
    const guest = await both.newGuest(pool);
    await copy();
    const Logins = await loginOf('carl');
    const issue = new GetCredentialsForIdentityCommand({ IdentityId: guest, Logins });
    expect((await both.target.identity.send(issue)).IdentityId).toBe(id);
    expect((await both.origin.identity.send(issue)).IdentityId).toBe(id);
    const alone = new GetCredentialsForIdentityCommand({ IdentityId: guest });
    await expect(both.target.identity.send(alone)).rejects.toMatchObject({ name: 'NotAuthorizedException' });
  });

  it('rejects the id of a copied guest without the login if the guest has since logged in at the origin', async () => {
    const guest = await both.newGuest(pool);
    await copy();
    const Logins = await loginOf('dora');
    await both.origin.identity.send(new GetCredentialsForIdentityCommand({ IdentityId: guest, Logins }));
    const alone = new GetCredentialsForIdentityCommand({ IdentityId: guest });
    await expect(both.target.identity.send(alone)).rejects.toMatchObject({ name: 'NotAuthorizedException' });
    const found = await logIn(both.target.cloud.url, Logins);
    expect(found.IdentityId).toBe(guest);
    found.client.destroy();
  });

  it('accepts an OpenID token that the origin has issued to a developer user', async () => {
    const input = { IdentityPoolId: pool, Logins: { [DEVELOPER_PROVIDER]: 'eve' } };
    const issued = await both.origin.identity.send(new GetOpenIdTokenForDeveloperIdentityCommand(input));
    const found = await logIn(both.target.cloud.url, { [OWN]: String(issued.Token) });
    expect(found.IdentityId).toBe(issued.IdentityId);
    found.client.destroy();
  });

  it('finds the same identity if the target is killed after the answer of the origin', async () => {
    const id = await newUser('fred');
    const dataDir = await mkdtemp(join(tmpdir(), 'move-logins-'));
    const env = {
      DATA_DIR: dataDir,
      DATABASE_URL: await createPostgresDatabase(),
      ORIGIN_ENDPOINT_URL: proxy.url,
      ORIGIN_REGION: 'us-east-1',
      LOGINS: 'verified',
      LOGIN_PROVIDERS: loginProviders,
    };
    let target: StartedProcess | null = await startProcess(env);
    const started = target;
    try {
      const { code, stderr } = await operate(['move', 'copy', '--pool', pool, '--rate', '1000'], env);
      expect([code, stderr]).toMatchObject([0, expect.any(String)]);
      const Logins = await loginOf('fred');
      const before = await countAt('origin');
      const killed = Promise.withResolvers<void>();
      proxy.beforeAnswer = async (operation) => {
        if (operation !== 'GetId') return;
        await started.end('SIGKILL');
        killed.resolve();
      };
      await expect(logIn(started.url, Logins)).rejects.toThrow();
      await killed.promise;
      proxy.beforeAnswer = async () => undefined;
      target = await startProcess(env);
      const found = await logIn(target.url, Logins);
      expect(found.IdentityId).toBe(id);
      found.client.destroy();
      expect(await countAt('origin')).toBe(before);
    } finally {
      proxy.beforeAnswer = async () => undefined;
      if (target?.process.exitCode === null && target.process.signalCode === null)
        await target.end('SIGTERM');
      await rm(dataDir, { recursive: true, force: true });
    }
  }, 120_000);
});
