import { DeleteIdentityPoolCommand, DescribeIdentityPoolCommand } from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import {
  describeDeveloperOnly,
  errorOf,
  openIdentityCloud,
  poolNotFound,
  UNKNOWN_POOL,
} from '../../fixtures/wire/identity-cloud.ts';
import { createSyncClient, set, write } from '../../fixtures/wire/sync-client.ts';

const cloud = await openIdentityCloud();
const { developer, newPool, getId } = cloud;

describe('DeleteIdentityPool', () => {
  it('deletes the pool with its identities and their data', async () => {
    const IdentityPoolId = await newPool();
    const identity = { IdentityPoolId, IdentityId: await getId(IdentityPoolId) };
    const sync = createSyncClient(cloud.cloud.url);
    await write(sync, identity, 'game', [set('score', '42')]);
    sync.destroy();
    await developer.send(new DeleteIdentityPoolCommand({ IdentityPoolId }));
    const described = developer.send(new DescribeIdentityPoolCommand({ IdentityPoolId }));
    expect(await errorOf(described)).toMatchObject({ name: 'ResourceNotFoundException' });
    const sql = 'SELECT 1 FROM sync.datasets WHERE identity_pool_id = $1';
    expect((await cloud.cloud.database.query(sql, [IdentityPoolId])).rows).toEqual([]);
  });

  it('does not find an unknown pool', async () => {
    const unknown = developer.send(new DeleteIdentityPoolCommand({ IdentityPoolId: UNKNOWN_POOL }));
    expect(await errorOf(unknown)).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, IdentityPoolId) =>
    client.send(new DeleteIdentityPoolCommand({ IdentityPoolId })),
  );
});
