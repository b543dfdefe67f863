import { DescribeIdentityPoolCommand, UpdateIdentityPoolCommand } from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { DEVELOPER_PROVIDER } from '../../fixtures/identity/identity-service.ts';
import {
  describeDeveloperOnly,
  errorOf,
  openIdentityCloud,
  poolNotFound,
  UNKNOWN_POOL,
} from '../../fixtures/wire/identity-cloud.ts';

const cloud = await openIdentityCloud();
const { developer, newPool } = cloud;

const settings = (IdentityPoolId: string) => ({
  IdentityPoolId,
  IdentityPoolName: 'renamed',
  AllowUnauthenticatedIdentities: false,
});

describe('UpdateIdentityPool', () => {
  it('replaces all settings except the developer provider, and returns the pool', async () => {
    const IdentityPoolId = await newPool({ IdentityPoolTags: { team: 'game' } });
    const { $metadata, ...updated } = await developer.send(
      new UpdateIdentityPoolCommand(settings(IdentityPoolId)),
    );
    expect(updated).toEqual({ ...settings(IdentityPoolId), DeveloperProviderName: DEVELOPER_PROVIDER });
    expect(await developer.send(new DescribeIdentityPoolCommand({ IdentityPoolId }))).toMatchObject(updated);
  });

  it('does not change the name of the developer provider', async () => {
    const pool = { ...settings(await newPool()), DeveloperProviderName: 'other.example.com' };
    expect(await errorOf(developer.send(new UpdateIdentityPoolCommand(pool)))).toMatchObject({
      name: 'InvalidParameterException',
    });
  });

  it('does not find an unknown pool', async () => {
    const unknown = developer.send(new UpdateIdentityPoolCommand(settings(UNKNOWN_POOL)));
    expect(await errorOf(unknown)).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, pool) => client.send(new UpdateIdentityPoolCommand(settings(pool))));
});
