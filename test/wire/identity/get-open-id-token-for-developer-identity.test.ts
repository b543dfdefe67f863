import {
  GetCredentialsForIdentityCommand,
  GetOpenIdTokenForDeveloperIdentityCommand,
} from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { DEVELOPER_PROVIDER, OWN_PROVIDER } from '../../fixtures/identity/identity-service.ts';
import {
  describeDeveloperOnly,
  errorOf,
  openIdentityCloud,
  poolNotFound,
  UNKNOWN_POOL,
} from '../../fixtures/wire/identity-cloud.ts';

const cloud = await openIdentityCloud();
const { app, developer, newPool, getId, logIn } = cloud;

const Logins = { [DEVELOPER_PROVIDER]: 'ada' };

describe('GetOpenIdTokenForDeveloperIdentity', () => {
  it('returns the identity of a user, and a token with which the app gets credentials', async () => {
    const pool = await newPool();
    const { IdentityId, Token } = await logIn(pool, 'ada');
    expect((await logIn(pool, 'ada')).IdentityId).toBe(IdentityId);
    const login = { IdentityId, Logins: { [OWN_PROVIDER]: Token } };
    const { Credentials } = await app.send(new GetCredentialsForIdentityCommand(login));
    expect(Credentials?.SessionToken).toBeTypeOf('string');
  });

  it('links the user to the identity that the request names', async () => {
    const pool = await newPool();
    const guest = await getId(pool);
    expect((await logIn(pool, 'ada', guest)).IdentityId).toBe(guest);
    expect((await logIn(pool, 'ada')).IdentityId).toBe(guest);
  });

  it('rejects a user who has another identity, and a request without a user', async () => {
    const IdentityPoolId = await newPool();
    await logIn(IdentityPoolId, 'ada');
    const taken = logIn(IdentityPoolId, 'ada', await getId(IdentityPoolId));
    expect(await errorOf(taken)).toMatchObject({ name: 'DeveloperUserAlreadyRegisteredException' });
    const input = { IdentityPoolId, Logins: { other: 'ada' } };
    const without = developer.send(new GetOpenIdTokenForDeveloperIdentityCommand(input));
    expect(await errorOf(without)).toMatchObject({ name: 'InvalidParameterException' });
  });

  it('does not find an unknown pool', async () => {
    expect(await errorOf(logIn(UNKNOWN_POOL, 'ada'))).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, IdentityPoolId) =>
    client.send(new GetOpenIdTokenForDeveloperIdentityCommand({ IdentityPoolId, Logins })),
  );
});
