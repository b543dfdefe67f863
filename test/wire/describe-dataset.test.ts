import { DescribeDatasetCommand } from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { describeRefusals, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { type Identity, newIdentity, refusalOf, remove, set, write } from '../fixtures/wire/sync-client.ts';

const { cloud, client } = await openSharedCloud();

const describeDataset = async (identity: Identity, DatasetName: string) =>
  (await client.send(new DescribeDatasetCommand({ ...identity, DatasetName }))).Dataset;

describe('DescribeDataset', () => {
  const NOT_FOUND = {
    name: 'ResourceNotFoundException',
    status: 404,
    message: "Dataset 'game' not found",
  };

  it('returns size, record count and dates of a dataset', async () => {
    const identity = newIdentity();
    const before = Date.now();
    await write(client, identity, 'game', [set('score', '42'), set('name', 'Ädå')]);
    const dataset = await describeDataset(identity, 'game');
    expect(dataset).toEqual({
      IdentityId: identity.IdentityId,
      DatasetName: 'game',
      CreationDate: expect.any(Date),
      LastModifiedDate: dataset?.CreationDate,
      LastModifiedBy: '000000000000',
      DataStorage: 'score42nameÄdå'.length + 2,
      NumRecords: 2,
    });
    const created = dataset?.CreationDate?.getTime() ?? 0;
    expect(created).toBeGreaterThanOrEqual(before);
    expect(created).toBeLessThanOrEqual(Date.now());
  });

  it('keeps the creation date while the modification date increases', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '1')]);
    const first = await describeDataset(identity, 'game');
    await write(client, identity, 'game', [set('score', '2', 1)]);
    const second = await describeDataset(identity, 'game');
    expect(second?.CreationDate).toEqual(first?.CreationDate);
    expect(second?.LastModifiedDate?.getTime()).toBeGreaterThan(first?.LastModifiedDate?.getTime() ?? 0);
  });

  it('counts neither a removed record nor its bytes', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42'), set('name', 'Ada')]);
    await write(client, identity, 'game', [remove('name', 1)]);
    expect(await describeDataset(identity, 'game')).toMatchObject({ NumRecords: 1, DataStorage: 7 });
    await write(client, identity, 'game', [remove('score', 1)]);
    expect(await describeDataset(identity, 'game')).toMatchObject({ NumRecords: 0, DataStorage: 0 });
  });

  it.each(['a', 'n'.repeat(128), 'merged.us-east-1:0000-11', 'a_B-9:.', '...', 'records', '__proto__'])(
    'returns a dataset named %s',
    async (name) => {
      const identity = newIdentity();
      await write(client, identity, name, [set('score', '42')]);
      expect(await describeDataset(identity, name)).toMatchObject({ DatasetName: name });
    },
  );

  it('does not find a dataset if the case of its name, the identity or the pool differs', async () => {
    const identity = newIdentity();
    await write(client, identity, 'Game', [set('score', '42')]);
    expect(await refusalOf(describeDataset(identity, 'game'))).toEqual(NOT_FOUND);
    await write(client, identity, 'game', [set('score', '42')]);
    expect(await refusalOf(describeDataset(newIdentity(), 'game'))).toEqual(NOT_FOUND);
    const otherPool = { ...identity, IdentityPoolId: 'us-east-1:1' };
    expect(await refusalOf(describeDataset(otherPool, 'game'))).toEqual(NOT_FOUND);
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, dataset) => client.send(new DescribeDatasetCommand(dataset)),
  };
  describeRefusals(operation, ['IdentityPoolId', 'IdentityId', 'DatasetName']);
});
