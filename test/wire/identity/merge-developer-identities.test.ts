import { MergeDeveloperIdentitiesCommand } from '@aws-sdk/client-cognito-identity';
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
const { developer, newPool, logIn } = cloud;

const input = (IdentityPoolId: string, more = {}) => ({
  IdentityPoolId,
  SourceUserIdentifier: 'ada',
  DestinationUserIdentifier: 'grace',
  DeveloperProviderName: DEVELOPER_PROVIDER,
  ...more,
});

describe('MergeDeveloperIdentities', () => {
  it('merges the identity of the source user into that of the destination user', async () => {
    const pool = await newPool();
    await logIn(pool, 'ada');
    const { IdentityId } = await logIn(pool, 'grace');
    const merged = await developer.send(new MergeDeveloperIdentitiesCommand(input(pool)));
    expect(merged).toMatchObject({ IdentityId });
    expect((await logIn(pool, 'ada')).IdentityId).toBe(IdentityId);
  });

  it('rejects an unknown user, another provider and an unknown pool', async () => {
    const pool = await newPool();
    const merge = (more: object) =>
      errorOf(developer.send(new MergeDeveloperIdentitiesCommand(input(pool, more))));
    expect(await merge({})).toMatchObject({ name: 'ResourceNotFoundException' });
    expect(await merge({ DeveloperProviderName: 'other' })).toMatchObject({
      name: 'InvalidParameterException',
    });
    expect(await merge({ IdentityPoolId: UNKNOWN_POOL })).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, pool) =>
    client.send(new MergeDeveloperIdentitiesCommand(input(pool))),
  );
});
