import { GetIdentityPoolRolesCommand, SetIdentityPoolRolesCommand } from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import {
  describeDeveloperOnly,
  errorOf,
  openIdentityCloud,
  poolNotFound,
  UNKNOWN_POOL,
} from '../../fixtures/wire/identity-cloud.ts';

const cloud = await openIdentityCloud();
const { developer, newPool } = cloud;

const getRoles = (IdentityPoolId: string) =>
  developer.send(new GetIdentityPoolRolesCommand({ IdentityPoolId }));

describe('GetIdentityPoolRoles', () => {
  it('returns no roles before any were set', async () => {
    const IdentityPoolId = await newPool();
    const { $metadata, ...roles } = await getRoles(IdentityPoolId);
    expect(roles).toEqual({ IdentityPoolId, Roles: {} });
  });

  it('returns the roles of the pool', async () => {
    const IdentityPoolId = await newPool();
    const Roles = { unauthenticated: 'arn:aws:iam::000000000000:role/guest' };
    await developer.send(new SetIdentityPoolRolesCommand({ IdentityPoolId, Roles }));
    expect(await getRoles(IdentityPoolId)).toMatchObject({ IdentityPoolId, Roles });
  });

  it('does not find an unknown pool', async () => {
    expect(await errorOf(getRoles(UNKNOWN_POOL))).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, IdentityPoolId) =>
    client.send(new GetIdentityPoolRolesCommand({ IdentityPoolId })),
  );
});
