import {
  DeleteDatasetCommand,
  DescribeDatasetCommand,
  DescribeIdentityUsageCommand,
} from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { createPool, newPool } from '../fixtures/identity/identity-pools.ts';
import { describeRefusals, describeUnknownPools, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { type Identity, list, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

const { cloud, client } = await openSharedCloud();

const usageOf = async ({ IdentityPoolId, IdentityId }: Identity) =>
  (await client.send(new DescribeIdentityUsageCommand({ IdentityPoolId, IdentityId }))).IdentityUsage;

describe('DescribeIdentityUsage', () => {
  it('returns zero for an unknown identity', async () => {
    const identity = newIdentity();
    await list(client, identity, 'game');
    expect(await usageOf(identity)).toEqual({ ...identity, DatasetCount: 0, DataStorage: 0 });
  });

  it('counts the datasets and bytes of only this identity', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42'), set('name', 'Ädå')]);
    await write(client, identity, 'settings', [set('k', '')]);
    await write(client, newIdentity(), 'game', [set('score', '42')]);
    await write(client, { ...identity, IdentityPoolId: await newPool(cloud.database) }, 'game', [
      set('k', 'v'),
    ]);
    const last = await client.send(new DescribeDatasetCommand({ ...identity, DatasetName: 'settings' }));
    expect(await usageOf(identity)).toEqual({
      ...identity,
      DatasetCount: 2,
      DataStorage: 'score42nameÄdåk'.length + 2,
      LastModifiedDate: last.Dataset?.LastModifiedDate,
    });
  });

  it('does not count deleted data, but returns the date of the deletion', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    const before = await usageOf(identity);
    await client.send(new DeleteDatasetCommand({ ...identity, DatasetName: 'game' }));
    const after = await usageOf(identity);
    expect(after).toMatchObject({ DatasetCount: 0, DataStorage: 0 });
    expect(after?.LastModifiedDate?.getTime()).toBeGreaterThan(before?.LastModifiedDate?.getTime() ?? 0);
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, { IdentityPoolId, IdentityId }) =>
      client.send(new DescribeIdentityUsageCommand({ IdentityPoolId, IdentityId })),
  };
  describeUnknownPools(operation);
  describeRefusals(operation, ['IdentityPoolId', 'IdentityId']);

  it('accepts ids of 55 characters', async () => {
    const longest = `us-east-1:${'0'.repeat(45)}`;
    const IdentityPoolId = await createPool(cloud.database, `${longest.slice(0, -1)}1`);
    const identity = { IdentityPoolId, IdentityId: longest };
    expect(await usageOf(identity)).toMatchObject(identity);
  });
});
