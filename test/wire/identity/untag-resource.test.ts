import { ListTagsForResourceCommand, UntagResourceCommand } from '@aws-sdk/client-cognito-identity';
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
const untag = (pool: string, ...TagKeys: string[]) =>
  developer.send(new UntagResourceCommand({ ResourceArn: arnOf(pool), TagKeys }));

describe('UntagResource', () => {
  it('removes the tags with the given keys, and ignores unknown keys', async () => {
    const pool = await newPool({ IdentityPoolTags: { a: '1', b: '2', c: '3' } });
    await untag(pool, 'a', 'c', 'unknown');
    const listed = await developer.send(new ListTagsForResourceCommand({ ResourceArn: arnOf(pool) }));
    expect(listed.Tags).toEqual({ b: '2' });
  });

  it('does not find an unknown pool', async () => {
    expect(await errorOf(untag(UNKNOWN_POOL, 'a'))).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, pool) =>
    client.send(new UntagResourceCommand({ ResourceArn: arnOf(pool), TagKeys: ['a'] })),
  );
});
