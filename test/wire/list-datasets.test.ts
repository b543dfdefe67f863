import {
  DeleteDatasetCommand,
  ListDatasetsCommand,
  type ListDatasetsCommandInput,
} from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { newPool } from '../fixtures/identity/identity-pools.ts';
import { describeRefusals, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import {
  type Identity,
  invalidParameter,
  list,
  newIdentity,
  refusalOf,
  remove,
  set,
  write,
} from '../fixtures/wire/sync-client.ts';

const { cloud, client } = await openSharedCloud();

const listDatasets = (
  identity: Identity,
  options: Pick<ListDatasetsCommandInput, 'MaxResults' | 'NextToken'> = {},
) => client.send(new ListDatasetsCommand({ ...identity, ...options }));

async function namesOf(identity: Identity): Promise<(string | undefined)[]> {
  const { Datasets = [] } = await listDatasets(identity);
  return Datasets.map((dataset) => dataset.DatasetName);
}

async function writeAll(identity: Identity, names: readonly string[]): Promise<void> {
  for (const name of names) await write(client, identity, name, [set('score', '42')]);
}

describe('ListDatasets', () => {
  it('returns no datasets for an unknown identity', async () => {
    const { $metadata, ...listed } = await listDatasets(newIdentity());
    expect($metadata.httpStatusCode).toBe(200);
    expect(listed).toEqual({ Datasets: [], Count: 0 });
  });

  it('lists the datasets of only this identity in byte order, with their details', async () => {
    const identity = newIdentity();
    await writeAll(identity, ['b', 'a', 'B', 'a.b']);
    await writeAll(newIdentity(), ['c']);
    await writeAll({ ...identity, IdentityPoolId: await newPool(cloud.database) }, ['d']);
    expect(await namesOf(identity)).toEqual(['B', 'a', 'a.b', 'b']);
    const { Datasets = [], Count } = await listDatasets(identity);
    expect(Count).toBe(4);
    expect(Datasets[0]).toEqual({
      IdentityId: identity.IdentityId,
      DatasetName: 'B',
      CreationDate: expect.any(Date),
      LastModifiedDate: expect.any(Date),
      LastModifiedBy: '000000000000',
      DataStorage: 7,
      NumRecords: 1,
    });
  });

  it('omits datasets that were never written or were deleted', async () => {
    const identity = newIdentity();
    await list(client, identity, 'game');
    expect(await namesOf(identity)).toEqual([]);
    await writeAll(identity, ['game', 'other']);
    await client.send(new DeleteDatasetCommand({ ...identity, DatasetName: 'game' }));
    expect(await namesOf(identity)).toEqual(['other']);
    await writeAll(identity, ['game']);
    expect(await namesOf(identity)).toEqual(['game', 'other']);
  });

  it('includes a dataset whose records were all removed', async () => {
    const identity = newIdentity();
    await writeAll(identity, ['game']);
    await write(client, identity, 'game', [remove('score', 1)]);
    expect((await listDatasets(identity)).Datasets).toMatchObject([{ DatasetName: 'game', NumRecords: 0 }]);
  });

  it.each([1, 2, 3, 5, 64, 1_024])('lists each dataset once, in pages of %i', async (MaxResults) => {
    const identity = newIdentity();
    const names = ['a', 'b', 'c', 'd', 'e'];
    await writeAll(identity, names);
    const seen: (string | undefined)[] = [];
    let NextToken: string | undefined;
    do {
      const page = await listDatasets(identity, { MaxResults, NextToken });
      const { Datasets = [] } = page;
      expect(Datasets.length).toBeLessThanOrEqual(MaxResults);
      expect(page.Count).toBe(Datasets.length);
      seen.push(...Datasets.map((dataset) => dataset.DatasetName));
      NextToken = page.NextToken ?? undefined;
    } while (NextToken);
    expect(seen).toEqual(names);
  });

  it('continues after a dataset that was deleted between two pages', async () => {
    const identity = newIdentity();
    await writeAll(identity, ['a', 'b', 'c']);
    const { NextToken } = await listDatasets(identity, { MaxResults: 1 });
    await client.send(new DeleteDatasetCommand({ ...identity, DatasetName: 'a' }));
    const { Datasets } = await listDatasets(identity, { NextToken });
    expect(Datasets).toMatchObject([{ DatasetName: 'b' }, { DatasetName: 'c' }]);
  });

  it('rejects altered tokens and tokens of other calls', async () => {
    const identity = newIdentity();
    await writeAll(identity, ['a', 'b']);
    const { NextToken = '' } = await listDatasets(identity, { MaxResults: 1 });
    const { SyncSessionToken = '' } = await list(client, identity, 'a');
    const requests: [Identity, string][] = [
      [newIdentity(), NextToken],
      [{ ...identity, IdentityPoolId: 'us-east-1:1' }, NextToken],
      [identity, SyncSessionToken],
      [identity, NextToken.slice(1)],
      [identity, `${NextToken} `],
      [identity, ''],
      [identity, 'a'],
      [identity, 'x'.repeat(10_000)],
    ];
    for (const [owner, token] of requests) {
      expect(await refusalOf(listDatasets(owner, { NextToken: token }))).toEqual({
        name: 'InvalidParameterException',
        status: 400,
        message: 'NextToken not valid for these inputs',
      });
    }
    expect(await refusalOf(listDatasets(identity, { NextToken: 'a\0' }))).toEqual(
      invalidParameter("'nextToken'"),
    );
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, { IdentityPoolId, IdentityId }) =>
      client.send(new ListDatasetsCommand({ IdentityPoolId, IdentityId })),
  };
  describeRefusals(operation, ['IdentityPoolId', 'IdentityId']);

  it.each([0, 1_025])('rejects a MaxResults of %d and names the member', async (MaxResults) => {
    expect(await refusalOf(listDatasets(newIdentity(), { MaxResults }))).toEqual(
      invalidParameter("'maxResults'"),
    );
  });
});
