import { randomUUID } from 'node:crypto';
import { RegisterDeviceCommand, type RegisterDeviceCommandInput } from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { identityClient } from '../fixtures/identity/identity-credentials.ts';
import { newPool } from '../fixtures/identity/identity-pools.ts';
import { GCM_APP, newDevice, newPerson, PUSH_SYNC } from '../fixtures/sync/push-devices.ts';
import { readPush } from '../fixtures/sync/push-readers.ts';
import { describeRefusals, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import {
  createRudeClient,
  createSyncClient,
  type Identity,
  invalidParameter,
  refusalOf,
} from '../fixtures/wire/sync-client.ts';

const { cloud, client: developer } = await openSharedCloud();

const TOKEN = 'A0-secret-token';
const NOT_AUTHORIZED = {
  name: 'NotAuthorizedException',
  status: 403,
  message: 'These credentials are not valid for accessing this resource',
};

const register = async (
  client: typeof developer,
  identity: Identity,
  more: Partial<RegisterDeviceCommandInput> = {},
) => {
  const device = { ...identity, Platform: 'APNS' as const, Token: TOKEN, ...more };
  return (await client.send(new RegisterDeviceCommand(device))).DeviceId;
};

describe('RegisterDevice', () => {
  it('returns a device id with which the device can read its messages', async () => {
    const { identity, client } = await newPerson(cloud);
    const DeviceId = (await register(client, identity)) ?? '';
    expect(DeviceId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect((await readPush(cloud.url, DeviceId)).response.status).toBe(200);
    expect((await readPush(cloud.url, randomUUID())).response.status).toBe(404);
    expect((await readPush(cloud.url, 'my-phone')).response.status).toBe(404);
  });

  it('returns the same id only for the same token, platform and identity', async () => {
    const { identity, client } = await newPerson(cloud);
    const first = await register(client, identity);
    expect(await register(client, identity)).toBe(first);
    expect(await register(client, identity, { Token: 'other' })).not.toBe(first);
    expect(await register(client, identity, { Platform: 'GCM' })).not.toBe(first);
    const other = await newPerson(cloud, identity.IdentityPoolId);
    expect(await register(other.client, other.identity)).not.toBe(first);
  });

  it('does not store the token', async () => {
    const person = await newPerson(cloud);
    await register(person.client, person.identity);
    const { rows } = await cloud.database.query('SELECT * FROM sync.devices');
    expect(rows).not.toEqual([]);
    expect(JSON.stringify(rows)).not.toContain(TOKEN);
  });

  it.each(['APNS_SANDBOX', 'ADM'] as const)('requires a push application for %s', async (Platform) => {
    const { identity, client } = await newPerson(cloud);
    expect(await refusalOf(register(client, identity, { Platform }))).toEqual({
      name: 'InvalidConfigurationException',
      status: 400,
      message: `no push application for ${Platform} in the identity pool; add one with SetIdentityPoolConfiguration`,
    });
  });

  it('requires push to be configured for the pool', async () => {
    const pools = [
      await newPool(cloud.database),
      await newPool(cloud.database, { pushSync: { applicationArns: [], roleArn: null } }),
    ];
    for (const IdentityPoolId of pools) {
      const { identity, client } = await newPerson(cloud, IdentityPoolId);
      expect(await refusalOf(register(client, identity))).toMatchObject({
        name: 'InvalidConfigurationException',
        status: 400,
      });
    }
    const onlyGcm = await newPool(cloud.database, { pushSync: { ...PUSH_SYNC, applicationArns: [GCM_APP] } });
    expect(await newDevice(await newPerson(cloud, onlyGcm), 'GCM')).toMatch(/./);
  });

  it('does not find an unknown pool', async () => {
    const { identity, client } = await newPerson(cloud, 'us-east-1:0');
    expect(await refusalOf(register(client, identity))).toEqual({
      name: 'ResourceNotFoundException',
      status: 404,
      message: "IdentityPool 'us-east-1:0' not found",
    });
  });

  it('is not allowed for developers or other identities, even for unknown pools', async () => {
    const { identity } = await newPerson(cloud);
    const others = [
      developer,
      (await newPerson(cloud, identity.IdentityPoolId)).client,
      await identityClient(cloud, { ...identity, IdentityPoolId: 'us-east-1:0' }),
    ];
    for (const other of others) {
      expect(await refusalOf(register(other, identity))).toEqual(NOT_AUTHORIZED);
    }
    const inUnknownPool = { ...identity, IdentityPoolId: 'us-east-1:1' };
    expect(await refusalOf(register(developer, inUnknownPool))).toEqual(NOT_AUTHORIZED);
  });

  it.each<[body: object, at: string]>([
    [{ Token: TOKEN }, "'platform'"],
    [{ Platform: 'APNS' }, "'token'"],
    [{ Platform: 'apns', Token: TOKEN }, "'platform'"],
    [{ Platform: 'WEB', Token: TOKEN }, "'platform'"],
    [{ Platform: 'APNS', Token: `${TOKEN}\0` }, "'token'"],
    [{ Platform: 'APNS', Token: [TOKEN] }, "'token'"],
  ])('rejects %j without repeating the token', async (body, at) => {
    const { identity } = await newPerson(cloud);
    const client = createRudeClient(cloud.url, (request) => {
      request.body = JSON.stringify(body);
    });
    const refused = await refusalOf(register(client, identity));
    client.destroy();
    expect(refused).toEqual(invalidParameter(at));
    expect(refused.message).not.toContain(TOKEN);
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, { IdentityPoolId, IdentityId }) => register(client, { IdentityPoolId, IdentityId }),
  };
  describeRefusals(operation, ['IdentityPoolId', 'IdentityId']);

  it('rejects the access key of an identity if the session token is missing', async () => {
    const { identity, client } = await newPerson(cloud);
    const { accessKeyId, secretAccessKey } = await client.config.credentials();
    const half = createSyncClient(cloud.url, { credentials: { accessKeyId, secretAccessKey } });
    const refused = await refusalOf(register(half, identity));
    half.destroy();
    expect(refused).toMatchObject({ name: 'UnrecognizedClientException', status: 403 });
  });
});
