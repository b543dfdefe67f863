import { ListTagsForResourceCommand } from '@aws-sdk/client-cognito-identity';
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

const arnOf = (pool: string) => `arn:aws:cognito-identity:us-east-1:000000000000:identitypool/${pool}`;
const list = (ResourceArn: string) => developer.send(new ListTagsForResourceCommand({ ResourceArn }));

describe('ListTagsForResource', () => {
  it('returns the tags with which the pool was created', async () => {
    const pool = await newPool({ IdentityPoolTags: { team: 'game' } });
    expect((await list(arnOf(pool))).Tags).toEqual({ team: 'game' });
  });

  it('returns an empty map for a pool without tags', async () => {
    expect((await list(arnOf(await newPool()))).Tags).toEqual({});
  });

  it('rejects other ARNs and does not find an unknown pool', async () => {
    expect(await errorOf(list('arn:aws:s3:::bucket-with-a-name'))).toMatchObject({
      name: 'InvalidParameterException',
    });
    expect(await errorOf(list(arnOf(UNKNOWN_POOL)))).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, pool) =>
    client.send(new ListTagsForResourceCommand({ ResourceArn: arnOf(pool) })),
  );
});
