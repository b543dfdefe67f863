import { ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCognitoSyncClient } from '../../../lib/aws/cognito-sync-client.ts';
import { createKinesisClient } from '../../../lib/aws/kinesis-client.ts';
import { openOrigin } from '../../../lib/aws/origin.ts';
import { openPublicOrigin } from '../../../lib/aws/public-origin.ts';
import { DEFAULT_CREDENTIALS } from '../../../lib/common/environment.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';

const FIPS = { AWS_USE_FIPS_ENDPOINT: 'true' };
const DUAL_STACK = { AWS_USE_DUALSTACK_ENDPOINT: 'true' };
/** The addresses of this service, which the shell or `npm start` may have in its environment. */
const THIS_SERVICE = {
  AWS_ENDPOINT_URL: 'http://127.0.0.1:4580',
  AWS_ENDPOINT_URL_COGNITO_SYNC: 'http://127.0.0.1:4580',
  AWS_ENDPOINT_URL_COGNITO_IDENTITY: 'http://127.0.0.1:4580',
  AWS_ENDPOINT_URL_KINESIS: 'http://127.0.0.1:4580',
};

const sentTo: string[] = [];
beforeEach(() => {
  sentTo.length = 0;
  const handle: NodeHttpHandler['handle'] = ({ protocol, hostname, port }) => {
    sentTo.push(`${protocol}//${hostname}${port ? `:${port}` : ''}`);
    return Promise.reject(new Error('nothing is sent'));
  };
  vi.spyOn(NodeHttpHandler.prototype, 'handle').mockImplementation(handle);
  vi.spyOn(NodeHttp2Handler.prototype, 'handle').mockImplementation(handle);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

function setEnvironment(variables: Record<string, string>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
}

const identity = (domain: string) => `https://cognito-identity${domain}`;
const sync = (domain: string) => `https://cognito-sync${domain}`;

describe('the calls to the origin of a migration go to', () => {
  it.each([
    ['the addresses of Amazon', 'us-east-1', {}, '.us-east-1.amazonaws.com'],
    ['the addresses of Amazon in China', 'cn-north-1', {}, '.cn-north-1.amazonaws.com.cn'],
    ['the addresses of Amazon, not to this service', 'us-east-1', THIS_SERVICE, '.us-east-1.amazonaws.com'],
    ['the FIPS endpoint of Cognito Identity', 'us-east-1', FIPS, '-fips.us-east-1.amazonaws.com'],
    [
      'the FIPS endpoint of Cognito Identity, not to this service',
      'us-west-2',
      { ...FIPS, ...THIS_SERVICE },
      '-fips.us-west-2.amazonaws.com',
    ],
    ['the dual-stack endpoint of Cognito Identity', 'us-east-1', DUAL_STACK, '.us-east-1.amazonaws.com'],
  ])('%s', async (_addresses, region, variables, identityDomain) => {
    setEnvironment(variables);
    expect(await addressesOf({ region })).toEqual([
      identity(identityDomain),
      sync(identityDomain.replace('-fips', '')),
      identity(identityDomain),
    ]);
  });

  it.each([{}, FIPS, DUAL_STACK, THIS_SERVICE])(
    'ORIGIN_ENDPOINT_URL, if it is set (%o)',
    async (variables) => {
      setEnvironment(variables);
      const endpoint = 'https://sync.example.com';
      expect(await addressesOf({ region: 'us-east-1', endpoint })).toEqual([endpoint, endpoint, endpoint]);
    },
  );
});

/** Returns the addresses to which the origin's clients send requests. */
async function addressesOf(address: { region: string; endpoint?: string }): Promise<string[]> {
  const settings = { ...address, streamName: 'cognito-sync', credentials: DEFAULT_CREDENTIALS };
  const origin = openOrigin(settings);
  const publicOrigin = openPublicOrigin(settings);
  const identityId = POOL.replace(/.$/, '7');
  const login = { identityPoolId: POOL, identityId, logins: {} };
  await expect(origin.describeIdentity(identityId)).rejects.toThrow('nothing is sent');
  await expect(origin.listDatasets({ identityPoolId: POOL, identityId })).rejects.toThrow('nothing is sent');
  await expect(publicOrigin.present({ ...login, operation: 'GetId' })).rejects.toThrow('nothing is sent');
  origin.close();
  publicOrigin.close();
  return sentTo;
}

/** Amazon has no FIPS or dual-stack endpoint of Cognito Sync. */
it.each([FIPS, DUAL_STACK])(
  'a client of Cognito Sync uses the standard address with %o',
  async (variables) => {
    setEnvironment(variables);
    const client = createCognitoSyncClient({ region: 'eu-west-1', credentials: DEFAULT_CREDENTIALS });
    await expect(client.describeIdentityPoolUsage({ IdentityPoolId: POOL })).rejects.toThrow(
      'nothing is sent',
    );
    expect(new Set(sentTo)).toEqual(new Set([sync('.eu-west-1.amazonaws.com')]));
    client.destroy();
  },
);

it('a client of Cognito Sync uses the address of the environment, also with FIPS endpoints', async () => {
  setEnvironment({ ...FIPS, ...THIS_SERVICE });
  const client = createCognitoSyncClient({ region: 'eu-west-1', credentials: DEFAULT_CREDENTIALS });
  await expect(client.describeIdentityPoolUsage({ IdentityPoolId: POOL })).rejects.toThrow('nothing is sent');
  expect(new Set(sentTo)).toEqual(new Set(['http://127.0.0.1:4580']));
  client.destroy();
});

it.each([
  ['the address of the environment', false, THIS_SERVICE, 'http://127.0.0.1:4580'],
  ['the FIPS endpoint', false, FIPS, 'https://kinesis-fips.us-east-1.amazonaws.com'],
  [
    "Amazon's address, if it ignores the environment",
    true,
    THIS_SERVICE,
    'https://kinesis.us-east-1.amazonaws.com',
  ],
])('a client of Kinesis uses %s', async (_address, ignoreConfiguredEndpointUrls, variables, expected) => {
  setEnvironment(variables);
  const client = createKinesisClient({
    region: 'us-east-1',
    credentials: DEFAULT_CREDENTIALS,
    ignoreConfiguredEndpointUrls,
  });
  await expect(client.send(new ListStreamsCommand({}))).rejects.toThrow('nothing is sent');
  expect(new Set(sentTo)).toEqual(new Set([expected]));
  client.destroy();
});
