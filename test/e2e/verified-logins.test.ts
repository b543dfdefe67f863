import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
} from '@aws-sdk/client-cognito-identity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLocalConfig } from '../../infra/local/local-config.ts';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import type { Logins } from '../../lib/identity/model.ts';
import { CLIENT_ID, type OidcServer, startOidcServer } from '../fixtures/identity/oidc-server.ts';
import { startEmbeddedCloud } from '../fixtures/local/local-cloud.ts';
import { operate } from '../fixtures/local/operator.ts';
import { sendRaw } from '../fixtures/wire/raw-http.ts';
import { createSyncClient, list, set, write } from '../fixtures/wire/sync-client.ts';

const USER_POOL = 'cognito-idp.us-east-1.amazonaws.com/us-east-1_notes';
const POOL = 'us-east-1:00000000-0000-4000-8000-0000000000aa';

describe('a local cloud with LOGINS=verified', () => {
  let userPool: OidcServer;
  let cloud: LocalCloud;
  let identities: CognitoIdentityClient;

  beforeAll(async () => {
    userPool = await startOidcServer();
    const { issuer } = userPool;
    const { logins, loginProviders } = readLocalConfig({
      LOGINS: 'verified',
      LOGIN_PROVIDERS: JSON.stringify({ [USER_POOL]: { issuer, jwksUri: `${issuer}/jwks` } }),
    });
    cloud = await startEmbeddedCloud({ logins, loginProviders });
    identities = new CognitoIdentityClient({ region: 'us-east-1', endpoint: cloud.url, maxAttempts: 1 });
  });
  afterAll(async () => {
    identities.destroy();
    await cloud.close();
    await userPool.close();
  });

  /** Runs a command as the operator of the cloud. @returns what it printed */
  async function runCommand(...commandLine: string[]): Promise<string> {
    const { code, stdout, stderr } = await operate(commandLine, { DATA_DIR: cloud.dataDir });
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  }

  /** Logs in on a new device. */
  async function logIn(user: string) {
    const Logins: Logins = { [USER_POOL]: await userPool.logIn(user) };
    const { IdentityId = '' } = await identities.send(new GetIdCommand({ IdentityPoolId: POOL, Logins }));
    const request = new GetCredentialsForIdentityCommand({ IdentityId, Logins });
    const { Credentials } = await identities.send(request);
    const { AccessKeyId = '', SecretKey = '', SessionToken = '' } = Credentials ?? {};
    const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretKey, sessionToken: SessionToken };
    return { IdentityPoolId: POOL, IdentityId, client: createSyncClient(cloud.url, { credentials }) };
  }

  it('syncs the devices of a user of a user pool', async () => {
    const created = await runCommand('pools', 'add', POOL, '--provider', `${USER_POOL}=${CLIENT_ID}`);
    expect(created).toContain(`${POOL}: created`);
    const phone = await logIn('ann');
    await write(phone.client, phone, 'game', [set('level', '7')]);
    const tablet = await logIn('ann');
    expect(tablet.IdentityId).toBe(phone.IdentityId);
    expect((await list(tablet.client, tablet, 'game')).Records).toMatchObject([{ Key: 'level', Value: '7' }]);
    const other = await logIn('bob');
    expect((await list(other.client, other, 'game')).Records).toEqual([]);
    for (const { client } of [phone, tablet, other]) client.destroy();
  });

  it('shows operators the state of the login provider’s keys', async () => {
    const { port } = new URL(cloud.url);
    const health = JSON.parse((await sendRaw(Number(port), 'GET', '/healthz')).body);
    expect(health).toMatchObject({
      status: 'ok',
      logins: {
        mode: 'verified',
        keySets: [{ source: `${userPool.issuer}/jwks`, loadedAt: expect.any(Number), lastError: null }],
      },
    });
    expect(await runCommand('pools')).toContain(`  login provider ${USER_POOL}: keys available\n`);
    const { identityPools } = JSON.parse(await runCommand('pools', '--json'));
    expect(identityPools).toContainEqual(
      expect.objectContaining({
        identityPoolId: POOL,
        loginProviders: [{ provider: USER_POOL, state: 'keys available', reason: null }],
      }),
    );
  });

  it('answers ExternalServiceException while the login provider is down, except to tokens whose key is cached', async () => {
    const cached: Logins = { [USER_POOL]: await userPool.logIn('ann') };
    await identities.send(new GetIdCommand({ IdentityPoolId: POOL, Logins: cached }));
    await userPool.rotateKeys();
    const withNewKey: Logins = { [USER_POOL]: await userPool.logIn('ann') };
    await userPool.pause();
    const getId = (Logins: Logins) => identities.send(new GetIdCommand({ IdentityPoolId: POOL, Logins }));
    await expect(getId(withNewKey)).rejects.toMatchObject({
      name: 'ExternalServiceException',
      $metadata: { httpStatusCode: 400 },
    });
    await getId(cached);
    await userPool.resume();
  });
});
