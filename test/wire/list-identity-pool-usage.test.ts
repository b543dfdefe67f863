import {
  ListIdentityPoolUsageCommand,
  type ListIdentityPoolUsageCommandInput,
} from '@aws-sdk/client-cognito-sync';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPool } from '../fixtures/identity/identity-pools.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { describeRefusals, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { invalidParameter, list, newIdentity, refusalOf, set, write } from '../fixtures/wire/sync-client.ts';

const { cloud, client } = await openSharedCloud();
beforeEach(() => cloud.database.query('DELETE FROM sync.identity_pools'));

const IDS = ['us-east-1:0', 'us-east-1:1', 'us-east-1:1-0', 'us-east-1:a', 'us-east-1:b'];
const createAll = async (ids: readonly string[]) => {
  for (const id of ids) await createPool(cloud.database, id);
};
const listUsage = async (options: ListIdentityPoolUsageCommandInput = {}) => {
  const { $metadata, ...listed } = await client.send(new ListIdentityPoolUsageCommand(options));
  return listed;
};
const idsOf = ({ IdentityPoolUsages = [] }: Awaited<ReturnType<typeof listUsage>>) =>
  IdentityPoolUsages.map(({ IdentityPoolId }) => IdentityPoolId);

describe('ListIdentityPoolUsage', () => {
  it('returns an empty list if there are no pools', async () => {
    expect(await listUsage()).toEqual({ IdentityPoolUsages: [], Count: 0 });
  });

  it('lists all pools by id with their usage, even pools without data', async () => {
    await createAll([POOL, 'us-east-1:0']);
    await write(client, newIdentity(), 'game', [set('score', '42')]);
    expect(await listUsage()).toEqual({
      IdentityPoolUsages: [
        { IdentityPoolId: 'us-east-1:0', DataStorage: 0 },
        { IdentityPoolId: POOL, DataStorage: 7, LastModifiedDate: expect.any(Date) },
      ],
      Count: 2,
    });
  });

  it.each([1, 2, 3, 5, 64, 1_024])(
    'lists each pool once, in pages of %i, and returns the page size',
    async (MaxResults) => {
      await createAll(IDS);
      const seen: (string | undefined)[] = [];
      let NextToken: string | undefined;
      do {
        const page = await listUsage({ MaxResults, NextToken });
        expect(page.MaxResults).toBe(MaxResults);
        expect(page.Count).toBe(idsOf(page).length);
        expect(page.Count).toBeLessThanOrEqual(MaxResults);
        seen.push(...idsOf(page));
        NextToken = page.NextToken ?? undefined;
      } while (NextToken);
      expect(seen).toEqual(IDS);
    },
  );

  it('continues after a pool that was deleted between two pages', async () => {
    await createAll(IDS);
    const { NextToken } = await listUsage({ MaxResults: 2 });
    await cloud.database.query('DELETE FROM sync.identity_pools WHERE identity_pool_id = $1', [
      'us-east-1:1',
    ]);
    expect(idsOf(await listUsage({ NextToken }))).toEqual(IDS.slice(2));
  });

  it('rejects tokens of other calls and altered tokens', async () => {
    await createAll([POOL, ...IDS]);
    const { NextToken = '' } = await listUsage({ MaxResults: 1 });
    const { SyncSessionToken = '' } = await list(client, newIdentity(), 'game');
    for (const token of [
      SyncSessionToken,
      NextToken.slice(1),
      `${NextToken} `,
      Buffer.from('us-east-1:0').toString('base64'),
      '',
      'x'.repeat(10_000),
    ]) {
      expect(await refusalOf(listUsage({ NextToken: token }))).toEqual({
        name: 'InvalidParameterException',
        status: 400,
        message: 'NextToken not valid for these inputs',
      });
    }
    expect(await refusalOf(listUsage({ NextToken: 'a\0' }))).toEqual(invalidParameter("'nextToken'"));
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client) => client.send(new ListIdentityPoolUsageCommand({})),
  };
  describeRefusals(operation, []);

  it.each([0, 1_025])('rejects a MaxResults of %d and names the member', async (MaxResults) => {
    expect(await refusalOf(listUsage({ MaxResults }))).toEqual(invalidParameter("'maxResults'"));
  });
});
