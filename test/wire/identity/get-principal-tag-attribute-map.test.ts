import {
  GetPrincipalTagAttributeMapCommand,
  SetPrincipalTagAttributeMapCommand,
} from '@aws-sdk/client-cognito-identity';
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

const IdentityProviderName = 'accounts.google.com';
const getMap = (IdentityPoolId: string) =>
  developer.send(new GetPrincipalTagAttributeMapCommand({ IdentityPoolId, IdentityProviderName }));

describe('GetPrincipalTagAttributeMap', () => {
  it('returns a map without tags before any was set', async () => {
    const IdentityPoolId = await newPool();
    const { $metadata, ...map } = await getMap(IdentityPoolId);
    expect(map).toEqual({ IdentityPoolId, IdentityProviderName, UseDefaults: false, PrincipalTags: {} });
  });

  it('returns the map of the provider', async () => {
    const map = { IdentityPoolId: await newPool(), IdentityProviderName, UseDefaults: true };
    await developer.send(new SetPrincipalTagAttributeMapCommand(map));
    expect(await getMap(map.IdentityPoolId)).toMatchObject(map);
  });

  it('does not find an unknown pool', async () => {
    expect(await errorOf(getMap(UNKNOWN_POOL))).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, IdentityPoolId) =>
    client.send(new GetPrincipalTagAttributeMapCommand({ IdentityPoolId, IdentityProviderName })),
  );
});
