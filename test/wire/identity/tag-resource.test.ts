import {
  DescribeIdentityPoolCommand,
  ListTagsForResourceCommand,
  TagResourceCommand,
} from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import {
  createIdentityClient,
  describeDeveloperOnly,
  errorOf,
  openIdentityCloud,
  poolNotFound,
  UNKNOWN_POOL,
} from '../../fixtures/wire/identity-cloud.ts';

const cloud = await openIdentityCloud();
const { developer, newPool } = cloud;

const arnOf = (pool: string) => `arn:aws:cognito-identity:us-east-1:000000000000:identitypool/${pool}`;
const tag = (ResourceArn: string, Tags: Record<string, string>) =>
  developer.send(new TagResourceCommand({ ResourceArn, Tags }));
const tagsOf = async (pool: string) =>
  (await developer.send(new ListTagsForResourceCommand({ ResourceArn: arnOf(pool) }))).Tags;

describe('TagResource', () => {
  it('sets tags, and keeps or replaces the tags that CreateIdentityPool has set with IdentityPoolTags', async () => {
    const IdentityPoolId = await newPool({ IdentityPoolTags: { team: 'game', stage: 'test' } });
    await tag(arnOf(IdentityPoolId), { stage: 'production' });
    expect(await tagsOf(IdentityPoolId)).toEqual({ team: 'game', stage: 'production' });
  });

  it('returns the tags with the settings of the pool', async () => {
    const IdentityPoolId = await newPool();
    await tag(arnOf(IdentityPoolId), { team: 'game', empty: '' });
    expect(await developer.send(new DescribeIdentityPoolCommand({ IdentityPoolId }))).toMatchObject({
      IdentityPoolTags: { team: 'game', empty: '' },
    });
  });

  it('loses no tag if several requests set tags concurrently', async () => {
    const pool = await newPool();
    const keys = ['a', 'b', 'c', 'd'];
    // Without retries of the SDK, which would hide that the service rejects a request.
    const client = createIdentityClient(cloud.cloud.url, { maxAttempts: 1 });
    const tagWith = (key: string) =>
      new TagResourceCommand({ ResourceArn: arnOf(pool), Tags: { [key]: key } });
    await Promise.all(keys.map((key) => client.send(tagWith(key))));
    client.destroy();
    expect(await tagsOf(pool)).toEqual(Object.fromEntries(keys.map((key) => [key, key])));
  });

  it('rejects a 51st tag', async () => {
    const pool = await newPool();
    const tags = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`key ${index}`, 'v']));
    await tag(arnOf(pool), tags);
    await tag(arnOf(pool), { 'key 1': 'new' });
    expect(await errorOf(tag(arnOf(pool), { other: 'v' }))).toEqual({
      name: 'InvalidParameterException',
      message: 'An identity pool can have at most 50 tags.',
    });
    expect(Object.keys((await tagsOf(pool)) ?? {})).toHaveLength(50);
  });

  it('accepts the ARN of another account and region, because a moved pool keeps its id', async () => {
    const pool = await newPool();
    await tag(`arn:aws:cognito-identity:eu-west-1:123456789012:identitypool/${pool}`, { team: 'game' });
    expect(await tagsOf(pool)).toEqual({ team: 'game' });
  });

  it('rejects other ARNs and does not find an unknown pool', async () => {
    const other = tag('arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_a', { team: 'game' });
    expect(await errorOf(other)).toMatchObject({ name: 'InvalidParameterException' });
    expect(await errorOf(tag(arnOf(UNKNOWN_POOL), { team: 'game' }))).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, pool) =>
    client.send(new TagResourceCommand({ ResourceArn: arnOf(pool), Tags: { team: 'game' } })),
  );
});
