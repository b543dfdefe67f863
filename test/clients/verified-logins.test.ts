import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
} from '@aws-sdk/client-cognito-identity';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import type { Logins } from '../../lib/identity/model.ts';
import { CLIENT_ID, type OidcServer, startOidcServer } from '../fixtures/identity/oidc-server.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { AWS } from '../fixtures/wire/aws-sdk-v2.ts';
import { loadSyncManager } from './load-sync-manager.ts';
import { emptyShell, isMissingModule } from './optional-program.ts';
import { createPlayerPool } from './player-pool.ts';
import { createDevice, type Device } from './sync-manager-device.ts';

const USER_POOL = 'cognito-idp.us-east-1.amazonaws.com/us-east-1_notes';
const OIDC = 'login.example';
const boto3IsMissing = isMissingModule('boto3 with verified logins', 'boto3');

let cloud: LocalCloud;
let userPool: OidcServer;
let oidc: OidcServer;
let IdentityPoolId: string;
let users = 0;

beforeAll(async () => {
  [userPool, oidc] = await Promise.all([startOidcServer(), startOidcServer()]);
  cloud = await startCloud({
    logins: 'verified',
    loginProviders: new Map([
      [USER_POOL, { issuer: userPool.issuer, jwksUri: `${userPool.issuer}/jwks` }],
      [OIDC, { issuer: oidc.issuer, clientIds: [CLIENT_ID] }],
    ]),
  });
  IdentityPoolId = await createPlayerPool(cloud.url, {
    CognitoIdentityProviders: [{ ProviderName: USER_POOL, ClientId: CLIENT_ID }],
    OpenIdConnectProviderARNs: [`arn:aws:iam::000000000000:oidc-provider/${OIDC}`],
  });
});
afterAll(async () => {
  await cloud.close();
  await Promise.all([userPool.close(), oidc.close()]);
});

interface Refusal {
  code: string;
  message: string;
}

/** Gets an identity id, unless one is given, and credentials. @returns the id of the credentials' identity */
type LogIn = (logins: Logins, identityId?: string) => Promise<string | Refusal>;

const refusalOf = (error: unknown): Refusal => {
  if (!(error instanceof Error)) throw error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return { code, message: error.message };
};

async function openSdkV3(): Promise<LogIn> {
  const client = new CognitoIdentityClient({ region: 'us-east-1', endpoint: cloud.url, maxAttempts: 1 });
  onTestFinished(() => client.destroy());
  return async (Logins, given) => {
    try {
      const IdentityId =
        given ?? (await client.send(new GetIdCommand({ IdentityPoolId, Logins }))).IdentityId;
      const answer = await client.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins }));
      return answer.IdentityId ?? '';
    } catch (error) {
      return refusalOf(error);
    }
  };
}

async function openSdkV2(): Promise<LogIn> {
  return async (logins, IdentityId) => {
    const params = { IdentityPoolId, Logins: logins, ...(IdentityId !== undefined && { IdentityId }) };
    const config = { region: 'us-east-1', endpoint: cloud.url, maxRetries: 0 };
    const credentials = new AWS.CognitoIdentityCredentials(params, config);
    try {
      await credentials.getPromise();
      return credentials.identityId;
    } catch (error) {
      return refusalOf(error);
    }
  };
}

async function openBoto3(): Promise<LogIn> {
  const script = fileURLToPath(new URL('boto3_logins.py', import.meta.url));
  const env = emptyShell({ AWS_ENDPOINT_URL: cloud.url, AWS_DEFAULT_REGION: 'us-east-1' });
  const python = spawn('python3', [script, IdentityPoolId], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void python.kill());
  const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
  return async (logins, identityId) => {
    python.stdin.write(`${JSON.stringify({ logins, identityId })}\n`);
    const { value = '' } = await lines.next();
    const outcome = JSON.parse(value);
    return outcome.identityId ?? outcome;
  };
}

/** Returns the logins of a new person at both providers. */
async function newPerson(): Promise<{ pool: Logins; oidc: Logins }> {
  users += 1;
  const name = `person-${users}`;
  return {
    pool: { [USER_POOL]: await userPool.logIn(name) },
    oidc: { [OIDC]: await oidc.logIn(name) },
  };
}

describe.each([
  { name: 'SDK v3', open: openSdkV3, isMissing: false },
  { name: 'SDK v2', open: openSdkV2, isMissing: false },
  { name: 'boto3', open: openBoto3, isMissing: boto3IsMissing },
])('$name with verified logins', ({ open, isMissing }) => {
  it.skipIf(isMissing)('logs in, links a second login to the identity, and merges a guest', async () => {
    const logIn = await open();
    const ann = await newPerson();
    const id = await logIn(ann.pool);
    expect(id).toMatch(/^us-east-1:/);
    expect(await logIn(ann.pool)).toBe(id);
    expect(await logIn({ ...ann.pool, ...ann.oidc }, String(id))).toBe(id);
    expect(await logIn(ann.oidc)).toBe(id);
    const guest = await logIn({});
    expect(await logIn(ann.oidc, String(guest))).toBe(id);
  });

  it.skipIf(isMissing)('receives the documented error for each invalid or foreign login', async () => {
    const logIn = await open();
    const notAuthorized = (message: string) => ({ code: 'NotAuthorizedException', message });
    const [ann, bob] = [await newPerson(), await newPerson()];
    const id = String(await logIn(ann.pool));
    await logIn({ ...bob.pool, ...bob.oidc });
    const token = ann.pool[USER_POOL] ?? '';
    const forged = { [USER_POOL]: token.replace(/\.[\w-]+\./, `.${bob.pool[USER_POOL]?.split('.')[1]}.`) };
    const notVerified = notAuthorized("Invalid login token. Couldn't verify signed token.");
    expect(await logIn(forged)).toEqual(notVerified);
    expect(await logIn({ ...forged, ...ann.oidc }, id)).toEqual(notVerified);
    expect(await logIn({ [USER_POOL]: 'ann' })).toEqual(
      notAuthorized('Invalid login token. Not a valid OpenId Connect identity token.'),
    );
    expect(await logIn({ [OIDC]: token })).toEqual(
      notAuthorized("Invalid login token. Issuer doesn't match providerName"),
    );
    expect(await logIn({ 'other.example': token })).toEqual(
      notAuthorized('Token is not from a supported provider of this identity pool.'),
    );
    expect(await logIn(bob.pool, id)).toEqual(
      notAuthorized(
        "Logins don't match. Please include at least one valid login for this identity or identity pool.",
      ),
    );
    expect(await logIn({ 'login.example.com': 'ann' })).toEqual({
      code: 'InvalidParameterException',
      message: 'Please provide a valid public provider',
    });
    expect(await logIn({ ...ann.pool, ...bob.oidc }, id)).toMatchObject({
      code: 'ResourceConflictException',
    });
    expect(await logIn(ann.pool, id)).toBe(id);
  });
});

describe('amazon-cognito-js with verified logins', () => {
  function newDevice(logins?: Logins): Promise<Device> {
    const sdk = loadSyncManager();
    const dataStore = sdk.CognitoSyncManager.StoreInMemory;
    return createDevice(sdk, {
      url: cloud.url,
      identityPoolId: IdentityPoolId,
      dataStore,
      ...(logins && { logins }),
    });
  }

  it('syncs two devices of a person, and merges the data of a guest', async () => {
    const ann = await newPerson();
    const [phone, tablet] = [await newDevice(ann.pool), await newDevice(ann.pool)];
    expect(tablet.identityId()).toBe(phone.identityId());
    const onPhone = await phone.open('game');
    await onPhone.put('level', '7');
    expect(await onPhone.sync()).toMatchObject({ ended: 'success' });
    const onTablet = await tablet.open('game');
    expect(await onTablet.sync()).toMatchObject({ ended: 'success' });
    expect(await onTablet.getAll()).toEqual({ level: '7' });
    const guest = await newDevice();
    await guest.logIn({ ...ann.pool, ...ann.oidc });
    expect(guest.identityId()).toBe(phone.identityId());
    expect((await newDevice(ann.oidc)).identityId()).toBe(phone.identityId());
  });

  it('cannot log in with a forged token', async () => {
    const ann = await newPerson();
    const forged = { [USER_POOL]: `${ann.pool[USER_POOL]}x` };
    await expect(newDevice(forged)).rejects.toThrow("Invalid login token. Couldn't verify signed token.");
  });
});
