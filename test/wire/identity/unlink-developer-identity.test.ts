import {
  DescribeIdentityCommand,
  GetCredentialsForIdentityCommand,
  UnlinkDeveloperIdentityCommand,
} from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { DEVELOPER_PROVIDER, OWN_PROVIDER } from '../../fixtures/identity/identity-service.ts';
import {
  describeDeveloperOnly,
  errorOf,
  identityForbidden,
  identityNotFound,
  openIdentityCloud,
  poolNotFound,
  UNKNOWN_IDENTITY,
  UNKNOWN_POOL,
} from '../../fixtures/wire/identity-cloud.ts';

const cloud = await openIdentityCloud();
const { app, developer, newPool, getId, logIn } = cloud;

const input = (IdentityPoolId: string, IdentityId: string, more = {}) => ({
  IdentityPoolId,
  IdentityId,
  DeveloperProviderName: DEVELOPER_PROVIDER,
  DeveloperUserIdentifier: 'ada',
  ...more,
});
const unlink = (...given: Parameters<typeof input>) =>
  developer.send(new UnlinkDeveloperIdentityCommand(input(...given)));

describe('UnlinkDeveloperIdentity', () => {
  it('removes one user; the user then gets a new identity, and the other users keep theirs', async () => {
    const pool = await newPool();
    const { IdentityId } = await logIn(pool, 'ada');
    await logIn(pool, 'grace', IdentityId);
    await unlink(pool, IdentityId);
    expect((await logIn(pool, 'ada')).IdentityId).not.toBe(IdentityId);
    expect((await logIn(pool, 'grace')).IdentityId).toBe(IdentityId);
  });

  it('makes an identity inaccessible if its last user is removed, also for earlier tokens', async () => {
    const pool = await newPool();
    const { IdentityId, Token } = await logIn(pool, 'ada');
    await unlink(pool, IdentityId);
    const enter = (Logins?: Record<string, string>) =>
      errorOf(app.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins })));
    expect(await enter()).toEqual(identityForbidden(IdentityId));
    expect(await enter({ [OWN_PROVIDER]: Token })).toMatchObject({ name: 'NotAuthorizedException' });
    expect(await developer.send(new DescribeIdentityCommand({ IdentityId }))).toMatchObject({ Logins: [] });
  });

  it('lets the developer make the identity accessible again', async () => {
    const pool = await newPool();
    const { IdentityId } = await logIn(pool, 'ada');
    await unlink(pool, IdentityId);
    expect((await logIn(pool, 'ada', IdentityId)).IdentityId).toBe(IdentityId);
  });

  it('rejects a user of another identity, unknown users, identities and pools, and another provider', async () => {
    const pool = await newPool();
    const { IdentityId } = await logIn(pool, 'ada');
    const guest = await getId(pool);
    expect(await errorOf(unlink(pool, guest))).toMatchObject({ name: 'ResourceConflictException' });
    const unknownUser = unlink(pool, IdentityId, { DeveloperUserIdentifier: 'grace' });
    expect(await errorOf(unknownUser)).toMatchObject({ name: 'ResourceNotFoundException' });
    expect(await errorOf(unlink(pool, UNKNOWN_IDENTITY))).toEqual(identityNotFound);
    expect(await errorOf(unlink(UNKNOWN_POOL, IdentityId))).toEqual(poolNotFound);
    const provider = unlink(pool, IdentityId, { DeveloperProviderName: 'other' });
    expect(await errorOf(provider)).toMatchObject({ name: 'InvalidParameterException' });
    expect((await logIn(pool, 'ada')).IdentityId).toBe(IdentityId);
  });

  describeDeveloperOnly(cloud, (client, pool, identityId) =>
    client.send(new UnlinkDeveloperIdentityCommand(input(pool, identityId))),
  );
});
