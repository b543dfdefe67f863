import {
  DeleteDatasetCommand,
  DescribeDatasetCommand,
  UpdateRecordsCommand,
} from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { describeRefusals, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import {
  createSyncClient,
  type Identity,
  list,
  newIdentity,
  refusalOf,
  remove,
  set,
  write,
} from '../fixtures/wire/sync-client.ts';

const { cloud, client } = await openSharedCloud();

const deleteGame = (identity: Identity) =>
  client.send(new DeleteDatasetCommand({ ...identity, DatasetName: 'game' }));
const describeGame = (identity: Identity) =>
  client.send(new DescribeDatasetCommand({ ...identity, DatasetName: 'game' }));
const NOT_FOUND = {
  name: 'ResourceNotFoundException',
  status: 404,
  message: "Dataset 'game' not found",
};

describe('DeleteDataset', () => {
  it('deletes the dataset and returns it as it was', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    const { Dataset: before } = await describeGame(identity);
    const { Dataset, $metadata } = await deleteGame(identity);
    expect($metadata.httpStatusCode).toBe(200);
    expect(Dataset).toEqual(before);
    expect(await refusalOf(describeGame(identity))).toEqual(NOT_FOUND);
    expect(await refusalOf(deleteGame(identity))).toEqual(NOT_FOUND);
  });

  it('does not find a dataset of another identity or pool', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    expect(await refusalOf(deleteGame(newIdentity()))).toEqual(NOT_FOUND);
    expect(await refusalOf(deleteGame({ ...identity, IdentityPoolId: 'us-east-1:1' }))).toEqual(NOT_FOUND);
    expect(await list(client, identity, 'game')).toMatchObject({ DatasetExists: true, Count: 1 });
  });

  it('keeps the other datasets of the identity', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    await write(client, identity, 'game2', [set('score', '43')]);
    await deleteGame(identity);
    expect((await list(client, identity, 'game2')).Records).toMatchObject([{ Key: 'score', Value: '43' }]);
  });

  it('deletes records and tombstones, so that devices can write records as new; sync counts continue', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42'), set('name', 'Ada')]);
    await write(client, identity, 'game', [remove('name', 1)]);
    await deleteGame(identity);
    const { Records = [] } = await write(client, identity, 'game', [set('score', '1'), set('name', 'Eve')]);
    const counts = new Set(Records.map((record) => record.SyncCount));
    expect(counts.size).toBe(1);
    const listed = await list(client, identity, 'game');
    expect(listed.Records).toHaveLength(2);
    expect(counts).toEqual(new Set([listed.DatasetSyncCount]));
    expect(listed.DatasetSyncCount).toBeGreaterThan(2);
    const { Dataset } = await describeGame(identity);
    expect(Dataset).toMatchObject({ NumRecords: 2, DataStorage: 'score1nameEve'.length });
  });

  it('lets the dataset be created again, with a creation date later than all its earlier dates', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    const { Dataset: old } = await deleteGame(identity);
    await write(client, identity, 'game', [set('score', '1')]);
    const { Dataset: recreated } = await describeGame(identity);
    const before = old?.LastModifiedDate?.getTime() ?? Number.POSITIVE_INFINITY;
    expect(recreated?.LastModifiedDate?.getTime()).toBeGreaterThan(before);
    expect(recreated?.CreationDate).toEqual(recreated?.LastModifiedDate);
  });

  it('leaves an earlier session token valid, so that the device can create the dataset again with it', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    const { SyncSessionToken } = await list(client, identity, 'game');
    await deleteGame(identity);
    const update = new UpdateRecordsCommand({
      ...identity,
      DatasetName: 'game',
      SyncSessionToken,
      RecordPatches: [set('score', '43', 1)],
    });
    expect((await client.send(update)).Records).toMatchObject([{ Key: 'score', Value: '43' }]);
  });

  it('succeeds for one of two concurrent calls; the other does not find the dataset', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    const outcomes = await Promise.allSettled([deleteGame(identity), deleteGame(identity)]);
    expect(outcomes.map((outcome) => outcome.status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find((outcome) => outcome.status === 'rejected')?.reason).toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });

  it('makes room for another dataset at the limit of the identity', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    for (let count = 2; count <= 20; count += 1) await write(client, identity, `d${count}`, [set('a', 'b')]);
    expect(await refusalOf(write(client, identity, 'd21', [set('a', 'b')]))).toMatchObject({
      name: 'LimitExceededException',
      status: 400,
    });
    await deleteGame(identity);
    expect((await write(client, identity, 'd21', [set('a', 'b')])).Records).toHaveLength(1);
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, dataset) => client.send(new DeleteDatasetCommand(dataset)),
  };
  describeRefusals(operation, ['IdentityPoolId', 'IdentityId', 'DatasetName']);

  it('deletes nothing without a valid signature', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('score', '42')]);
    const unauthorized = createSyncClient(cloud.url, {
      credentials: { accessKeyId: 'local', secretAccessKey: 'guess' },
    });
    await refusalOf(unauthorized.send(new DeleteDatasetCommand({ ...identity, DatasetName: 'game' })));
    unauthorized.destroy();
    expect((await list(client, identity, 'game')).Records).toMatchObject([{ Key: 'score', Value: '42' }]);
  });
});
