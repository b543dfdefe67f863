import {
  GetIdentityPoolRolesCommand,
  type RoleMapping,
  SetIdentityPoolRolesCommand,
  UpdateIdentityPoolCommand,
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

const Roles = {
  authenticated: 'arn:aws:iam::000000000000:role/user',
  unauthenticated: 'arn:aws:iam::000000000000:role/guest',
};
const rule = { Claim: 'paid', MatchType: 'Equals', Value: 'yes', RoleARN: Roles.authenticated } as const;
const byRules = (count: number): RoleMapping => ({
  Type: 'Rules',
  AmbiguousRoleResolution: 'Deny',
  RulesConfiguration: { Rules: Array.from({ length: count }, () => rule) },
});
const setRoles = (IdentityPoolId: string, RoleMappings?: Record<string, RoleMapping>) =>
  developer.send(new SetIdentityPoolRolesCommand({ IdentityPoolId, Roles, RoleMappings }));
const getRoles = async (IdentityPoolId: string) => {
  const { $metadata, ...roles } = await developer.send(new GetIdentityPoolRolesCommand({ IdentityPoolId }));
  return roles;
};

describe('SetIdentityPoolRoles', () => {
  it('stores roles and role mappings, in place of the earlier ones', async () => {
    const IdentityPoolId = await newPool();
    const RoleMappings = {
      'accounts.google.com': { Type: 'Token', AmbiguousRoleResolution: 'AuthenticatedRole' },
      'graph.facebook.com': byRules(25),
    } as const;
    await setRoles(IdentityPoolId, RoleMappings);
    expect(await getRoles(IdentityPoolId)).toEqual({ IdentityPoolId, Roles, RoleMappings });
    await setRoles(IdentityPoolId);
    expect(await getRoles(IdentityPoolId)).toEqual({ IdentityPoolId, Roles });
  });

  it('is not undone by an update of the pool', async () => {
    const IdentityPoolId = await newPool();
    await setRoles(IdentityPoolId);
    const pool = { IdentityPoolId, IdentityPoolName: 'renamed', AllowUnauthenticatedIdentities: true };
    await developer.send(new UpdateIdentityPoolCommand(pool));
    expect(await getRoles(IdentityPoolId)).toEqual({ IdentityPoolId, Roles });
  });

  it('accepts ten mappings of 25 rules with the longest values', async () => {
    const IdentityPoolId = await newPool();
    const RoleARN = `arn:${'r'.repeat(2_044)}`;
    const rules = Array.from({ length: 25 }, () => ({
      ...rule,
      Claim: 'é'.repeat(64),
      Value: 'v'.repeat(128),
      RoleARN,
    }));
    const names = Array.from({ length: 10 }, (_, index) => `provider-${index}`);
    const mapping: RoleMapping = { ...byRules(1), RulesConfiguration: { Rules: rules } };
    await setRoles(IdentityPoolId, Object.fromEntries(names.map((name) => [name, mapping])));
    expect((await getRoles(IdentityPoolId)).RoleMappings?.['provider-9']).toEqual(mapping);
  });

  it.each<[string, RoleMapping]>([
    ['more than 25 rules', byRules(26)],
    ['no rules although its type is Rules', { Type: 'Rules', AmbiguousRoleResolution: 'Deny' }],
    ['no AmbiguousRoleResolution', { Type: 'Token' }],
  ])('rejects a mapping with %s', async (_, mapping) => {
    const IdentityPoolId = await newPool();
    expect(await errorOf(setRoles(IdentityPoolId, { provider: mapping }))).toMatchObject({
      name: 'InvalidParameterException',
    });
    expect(await getRoles(IdentityPoolId)).toEqual({ IdentityPoolId, Roles: {} });
  });

  it('does not find an unknown pool', async () => {
    expect(await errorOf(setRoles(UNKNOWN_POOL))).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, IdentityPoolId) =>
    client.send(new SetIdentityPoolRolesCommand({ IdentityPoolId, Roles })),
  );
});
