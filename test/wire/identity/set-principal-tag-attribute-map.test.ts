import {
  GetIdentityPoolRolesCommand,
  GetPrincipalTagAttributeMapCommand,
  SetIdentityPoolRolesCommand,
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

const mapOf = async (IdentityPoolId: string, IdentityProviderName: string) => {
  const input = { IdentityPoolId, IdentityProviderName };
  const { $metadata, ...map } = await developer.send(new GetPrincipalTagAttributeMapCommand(input));
  return map;
};
const key = (IdentityPoolId: string, IdentityProviderName = 'accounts.google.com') => ({
  IdentityPoolId,
  IdentityProviderName,
});

describe('SetPrincipalTagAttributeMap', () => {
  it('stores and returns the map of one provider, and keeps those of the others', async () => {
    const pool = await newPool();
    const google = { ...key(pool), UseDefaults: false, PrincipalTags: { team: 'sub' } };
    const { $metadata, ...answer } = await developer.send(new SetPrincipalTagAttributeMapCommand(google));
    expect(answer).toEqual(google);
    const facebook = { ...key(pool, 'graph.facebook.com'), UseDefaults: true };
    await developer.send(new SetPrincipalTagAttributeMapCommand(facebook));
    expect(await mapOf(pool, 'accounts.google.com')).toEqual(google);
    expect(await mapOf(pool, 'graph.facebook.com')).toEqual({ ...facebook, PrincipalTags: {} });
  });

  it('replaces the earlier map of the provider, even if the name of the provider is that of an inherited property', async () => {
    const pool = await newPool();
    for (const PrincipalTags of [{ a: '1', b: '2' }, { c: '3' }]) {
      const map = { ...key(pool, '__proto__'), PrincipalTags };
      await developer.send(new SetPrincipalTagAttributeMapCommand(map));
    }
    expect(await mapOf(pool, '__proto__')).toMatchObject({ UseDefaults: false, PrincipalTags: { c: '3' } });
    expect(await mapOf(pool, 'constructor')).toMatchObject({ PrincipalTags: {} });
  });

  it('keeps the roles of the pool; SetIdentityPoolRoles keeps the maps', async () => {
    const IdentityPoolId = await newPool();
    const Roles = { authenticated: 'arn:aws:iam::000000000000:role/user' };
    await developer.send(new SetIdentityPoolRolesCommand({ IdentityPoolId, Roles }));
    const map = { ...key(IdentityPoolId), PrincipalTags: { team: 'sub' } };
    await developer.send(new SetPrincipalTagAttributeMapCommand(map));
    expect(await developer.send(new GetIdentityPoolRolesCommand({ IdentityPoolId }))).toMatchObject({
      Roles,
    });
    await developer.send(new SetIdentityPoolRolesCommand({ IdentityPoolId, Roles: {} }));
    expect(await mapOf(IdentityPoolId, 'accounts.google.com')).toMatchObject(map);
  });

  it('rejects more than 50 tags, and an unknown pool', async () => {
    const tags = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`tag-${index}`, 'sub']));
    const tooMany = { ...key(await newPool()), PrincipalTags: tags };
    expect(await errorOf(developer.send(new SetPrincipalTagAttributeMapCommand(tooMany)))).toMatchObject({
      name: 'ValidationException',
    });
    const unknown = developer.send(new SetPrincipalTagAttributeMapCommand(key(UNKNOWN_POOL)));
    expect(await errorOf(unknown)).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, pool) =>
    client.send(new SetPrincipalTagAttributeMapCommand(key(pool))),
  );
});
