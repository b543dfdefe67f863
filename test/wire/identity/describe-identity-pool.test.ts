import { DescribeIdentityPoolCommand } from '@aws-sdk/client-cognito-identity';
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

const describePool = async (IdentityPoolId: string) =>
  developer.send(new DescribeIdentityPoolCommand({ IdentityPoolId }));

describe('DescribeIdentityPool', () => {
  it('returns the settings of the pool, without those that are not set', async () => {
    const IdentityPoolId = await newPool({ IdentityPoolName: 'Game players' });
    const { $metadata, ...described } = await describePool(IdentityPoolId);
    expect(described).toEqual({
      IdentityPoolId,
      IdentityPoolName: 'Game players',
      AllowUnauthenticatedIdentities: true,
      DeveloperProviderName: DEVELOPER_PROVIDER,
    });
  });

  it('does not find an unknown pool', async () => {
    expect(await errorOf(describePool(UNKNOWN_POOL))).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, IdentityPoolId) =>
    client.send(new DescribeIdentityPoolCommand({ IdentityPoolId })),
  );
});
