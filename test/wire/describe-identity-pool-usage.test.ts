import {
  DeleteDatasetCommand,
  DescribeDatasetCommand,
  DescribeIdentityPoolUsageCommand,
} from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { newPool } from '../fixtures/identity/identity-pools.ts';
import { describeRefusals, describeUnknownPools, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { newIdentity, remove, set, write } from '../fixtures/wire/sync-client.ts';

const { cloud, client } = await openSharedCloud();

const usageOf = async (IdentityPoolId: string) =>
  (await client.send(new DescribeIdentityPoolUsageCommand({ IdentityPoolId }))).IdentityPoolUsage;

describe('DescribeIdentityPoolUsage', () => {
  it('returns zero for a pool without data', async () => {
    const IdentityPoolId = await newPool(cloud.database);
    expect(await usageOf(IdentityPoolId)).toEqual({ IdentityPoolId, DataStorage: 0 });
  });

  it('sums the data of the identities of only this pool', async () => {
    const IdentityPoolId = await newPool(cloud.database);
    const [ada, bob] = [newIdentity(), newIdentity()].map((identity) => ({ ...identity, IdentityPoolId }));
    if (!ada || !bob) return;
    await write(client, ada, 'game', [set('score', '42'), set('name', 'Ädå')]);
    await write(client, ada, 'game', [remove('name', 1)]);
    await write(client, ada, 'settings', [set('k', 'v')]);
    await write(client, bob, 'game', [set('score', '1')]);
    await write(client, { ...bob, IdentityPoolId: await newPool(cloud.database) }, 'game', [set('k', 'v')]);
    const last = await client.send(new DescribeDatasetCommand({ ...bob, DatasetName: 'game' }));
    expect(await usageOf(IdentityPoolId)).toEqual({
      IdentityPoolId,
      DataStorage: 'score42kvscore1'.length,
      LastModifiedDate: last.Dataset?.LastModifiedDate,
    });
  });

  it('does not count deleted data, but returns the date of the deletion', async () => {
    const identity = { ...newIdentity(), IdentityPoolId: await newPool(cloud.database) };
    await write(client, identity, 'game', [set('score', '42')]);
    const before = await usageOf(identity.IdentityPoolId);
    await client.send(new DeleteDatasetCommand({ ...identity, DatasetName: 'game' }));
    const after = await usageOf(identity.IdentityPoolId);
    expect(after).toMatchObject({ DataStorage: 0 });
    expect(after?.LastModifiedDate?.getTime()).toBeGreaterThan(before?.LastModifiedDate?.getTime() ?? 0);
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, { IdentityPoolId }) =>
      client.send(new DescribeIdentityPoolUsageCommand({ IdentityPoolId })),
  };
  describeUnknownPools(operation);
  describeRefusals(operation, ['IdentityPoolId']);
});
