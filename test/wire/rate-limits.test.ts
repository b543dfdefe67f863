import {
  CognitoIdentityClient,
  CreateIdentityPoolCommand,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  GetOpenIdTokenCommand,
  ListIdentityPoolsCommand,
  UnlinkIdentityCommand,
} from '@aws-sdk/client-cognito-identity';
import { HttpRequest } from '@smithy/core/protocols';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { sendRaw } from '../fixtures/wire/raw-http.ts';
import { createSyncClient, list, newIdentity } from '../fixtures/wire/sync-client.ts';

// Each request costs units of its rate limits. SLOW is how many units become available again per second: none during a
// test. Only the tests of `issuing` use a higher rate, for retries. Each test uses its own pools and addresses.
const SLOW = 0.001;
const RATE_LIMITS = {
  address: { perSecond: SLOW, burst: 100 },
  identity: { perSecond: SLOW, burst: 5 },
  pool: { perSecond: SLOW, burst: 8 },
  issuing: { perSecond: 4, burst: 24 },
};

let cloud: LocalCloud;
const clients: { destroy(): void }[] = [];
beforeAll(async () => {
  cloud = await startCloud({ rateLimits: RATE_LIMITS, trustedProxies: ['127.0.0.1/32'] });
});
afterAll(async () => {
  for (const client of clients) client.destroy();
  await cloud.close();
});

/** Creates a client whose requests appear to come from `address`, through a trusted proxy on this machine. */
function identityClient(
  address: string,
  maxAttempts = 1,
  credentials = DEFAULT_CREDENTIALS,
): CognitoIdentityClient {
  const client = new CognitoIdentityClient({
    region: 'us-east-1',
    endpoint: cloud.url,
    credentials: { ...credentials },
    maxAttempts,
  });
  client.middlewareStack.add(
    (next) => (args) => {
      if (HttpRequest.isInstance(args.request)) args.request.headers['x-forwarded-for'] = address;
      return next(args);
    },
    { step: 'build' },
  );
  clients.push(client);
  return client;
}

async function newPool(): Promise<string> {
  const pool = { IdentityPoolName: 'players', AllowUnauthenticatedIdentities: true };
  const { IdentityPoolId = '' } = await identityClient('198.51.100.99').send(
    new CreateIdentityPoolCommand(pool),
  );
  return IdentityPoolId;
}

async function guestOf(IdentityPoolId: string, client: CognitoIdentityClient) {
  const { IdentityId = '' } = await client.send(new GetIdCommand({ IdentityPoolId }));
  const { Credentials } = await client.send(new GetCredentialsForIdentityCommand({ IdentityId }));
  const { AccessKeyId = '', SecretKey = '', SessionToken = '' } = Credentials ?? {};
  const sync = createSyncClient(cloud.url, {
    credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretKey, sessionToken: SessionToken },
    maxAttempts: 1,
  });
  clients.push(sync);
  return { IdentityPoolId, IdentityId, list: () => list(sync, { IdentityPoolId, IdentityId }, 'game') };
}

/** Repeats a call until it is refused, and returns how often it succeeded. */
async function untilRefused(call: () => Promise<unknown>): Promise<[count: number, refusal: unknown]> {
  for (let count = 0; ; count += 1) {
    const refusal = await call().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refusal !== undefined) return [count, refusal];
    if (count > 200) throw new Error('never refused');
  }
}

const TOO_MANY = {
  name: 'TooManyRequestsException',
  $metadata: { httpStatusCode: 429 },
  $response: {
    headers: {
      'retry-after': expect.stringMatching(/^\d+$/),
      'x-amzn-errortype': 'TooManyRequestsException:',
    },
  },
};

describe('a guest', () => {
  it('gets TooManyRequestsException above its own rate limit, while another guest of the pool does not', async () => {
    const pool = await newPool();
    const client = identityClient('198.51.100.1');
    const [hostile, other] = [await guestOf(pool, client), await guestOf(pool, client)];
    const [count, refusal] = await untilRefused(hostile.list);
    expect(count).toBe(5);
    expect(refusal).toMatchObject({
      ...TOO_MANY,
      message: expect.stringContaining('of this identity; retry after'),
    });
    await expect(other.list()).resolves.toMatchObject({ DatasetExists: false });
  });

  it('cannot exhaust the rate limit of its pool by itself, and does not affect another pool', async () => {
    const client = identityClient('198.51.100.2');
    const [pool, otherPool] = [await newPool(), await newPool()];
    const [first, second] = [await guestOf(pool, client), await guestOf(pool, client)];
    expect((await untilRefused(first.list))[0]).toBe(5);
    const [count, refusal] = await untilRefused(second.list);
    expect(count).toBe(3);
    expect(refusal).toMatchObject({ ...TOO_MANY, message: expect.stringContaining('in this identity pool') });
    await expect((await guestOf(otherPool, client)).list()).resolves.toMatchObject({ Records: [] });
  });
});

describe('an address', () => {
  it('is limited if it signs with the access key of a developer but not with the secret key', async () => {
    const forger = identityClient('203.0.113.3', 1, { ...DEFAULT_CREDENTIALS, secretAccessKey: 'guessed' });
    const list = new ListIdentityPoolsCommand({ MaxResults: 1 });
    const refusals: string[] = [];
    for (let call = 0; call < 102; call += 1) {
      refusals.push(await forger.send(list).then(String, (error: Error) => error.name));
    }
    expect(refusals.slice(0, 100)).toEqual(Array(100).fill('InvalidSignatureException'));
    expect(refusals.at(-1)).toBe('TooManyRequestsException');
    await expect(identityClient('203.0.113.4').send(list)).resolves.toHaveProperty('IdentityPools');
  });

  it('can create only as many identities as its rate limit allows, regardless of its own X-Forwarded-For header', async () => {
    const pools = await Promise.all(Array.from({ length: 5 }, newPool));
    let next = 0;
    const getId = (client: CognitoIdentityClient) => () => {
      next += 1;
      return client.send(new GetIdCommand({ IdentityPoolId: pools[next % pools.length] }));
    };
    // The address has 100 units. 12 calls cost 96 units.
    const [count, refusal] = await untilRefused(getId(identityClient('1.1.1.1, 198.51.100.3')));
    expect(count).toBe(12);
    expect(refusal).toMatchObject({ ...TOO_MANY, message: expect.stringContaining('from this address') });
    await expect(getId(identityClient('2.2.2.2, 198.51.100.3'))()).rejects.toMatchObject(TOO_MANY);
    await expect(getId(identityClient('198.51.100.4'))()).resolves.toHaveProperty('IdentityId');
  });
});

describe('a pool', () => {
  it('issues identities and credentials at its own rate, which all addresses share', async () => {
    const [pool, otherPool] = [await newPool(), await newPool()];
    let address = 10;
    const getId = (IdentityPoolId: string) => {
      address += 1;
      return identityClient(`198.51.100.${address}`).send(new GetIdCommand({ IdentityPoolId }));
    };
    const [count, refusal] = await untilRefused(() => getId(pool));
    expect(count).toBeGreaterThanOrEqual(3);
    expect(count).toBeLessThan(10);
    expect(refusal).toMatchObject({
      ...TOO_MANY,
      message: expect.stringContaining('for identities and credentials of this identity pool'),
    });
    await expect(getId(otherPool)).resolves.toHaveProperty('IdentityId');
  });

  it.each<
    [
      what: string,
      address: string,
      send: (client: CognitoIdentityClient, IdentityId: string) => Promise<unknown>,
    ]
  >([
    [
      'credentials',
      '198.51.100.7',
      (client, IdentityId) => client.send(new GetCredentialsForIdentityCommand({ IdentityId })),
    ],
    [
      'tokens',
      '198.51.100.8',
      (client, IdentityId) => client.send(new GetOpenIdTokenCommand({ IdentityId })),
    ],
  ])(
    'issues %s at the rate of the identity’s pool, which the request does not name',
    async (_, address, send) => {
      const client = identityClient(address);
      const { IdentityId = '' } = await client.send(new GetIdCommand({ IdentityPoolId: await newPool() }));
      const [, refusal] = await untilRefused(() => send(client, IdentityId));
      expect(refusal).toMatchObject({
        ...TOO_MANY,
        message: expect.stringContaining('of this identity pool'),
      });
    },
  );

  it('serves a client of the SDK that retries after the requested time', async () => {
    const IdentityPoolId = await newPool();
    const patient = identityClient('198.51.100.5', 5);
    for (let call = 0; call < 4; call += 1) {
      await expect(patient.send(new GetIdCommand({ IdentityPoolId }))).resolves.toHaveProperty('IdentityId');
    }
  });
});

describe('UnlinkIdentity', () => {
  it('is limited by address', async () => {
    const client = identityClient('198.51.100.9');
    const user = { IdentityPoolId: await newPool(), Logins: { 'login.example': 'token' } };
    const { IdentityId = '' } = await client.send(new GetIdCommand(user));
    const input = { IdentityId, Logins: user.Logins, LoginsToRemove: ['other.example'] };
    const [count, refusal] = await untilRefused(() => client.send(new UnlinkIdentityCommand(input)));
    // GetId has cost 8 of the 100 units.
    expect(count).toBe(92);
    expect(refusal).toMatchObject({ ...TOO_MANY, message: expect.stringContaining('from this address') });
  });
});

describe('STS', () => {
  it('is limited by address', async () => {
    const port = Number(new URL(cloud.url).port);
    const headers = {
      'Content-Type': 'application/x-www-form-urlencoded',
      'X-Forwarded-For': '198.51.100.6',
    };
    const form = 'Action=AssumeRoleWithWebIdentity';
    for (let call = 0; call < 100; call += 1) {
      expect((await sendRaw(port, 'POST', '/', headers, form)).status).toBe(400);
    }
    const refused = await sendRaw(port, 'POST', '/', headers, form);
    expect(refused.status).toBe(429);
    expect(refused.headerLines).toContainEqual(expect.stringMatching(/^Retry-After: \d+$/));
    expect(refused.body).toContain('<Code>TooManyRequestsException</Code>');
  });
});

describe('a developer', () => {
  it('can send more requests than the rate limits of an identity and of a pool allow', async () => {
    const sync = createSyncClient(cloud.url);
    clients.push(sync);
    const identity = newIdentity();
    for (let call = 0; call < 20; call += 1) await list(sync, identity, 'game');
  });
});
