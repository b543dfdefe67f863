import { ListIdentityPoolsCommand } from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { describeDeveloperOnly, errorOf, openIdentityCloud } from '../../fixtures/wire/identity-cloud.ts';

const cloud = await openIdentityCloud();
const { developer, newPool } = cloud;

describe('ListIdentityPools', () => {
  it('returns ids and names of all pools, page by page, sorted by id', async () => {
    const created = [await newPool({ IdentityPoolName: 'one' }), await newPool(), await newPool()];
    const ids: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await developer.send(new ListIdentityPoolsCommand({ MaxResults: 2, NextToken }));
      expect(page.IdentityPools?.length).toBeLessThanOrEqual(2);
      ids.push(...(page.IdentityPools ?? []).map(({ IdentityPoolId }) => String(IdentityPoolId)));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    expect(ids).toEqual(ids.toSorted());
    expect(ids).toEqual(expect.arrayContaining(created));
    const all = await developer.send(new ListIdentityPoolsCommand({ MaxResults: 60 }));
    expect(all.IdentityPools).toContainEqual({ IdentityPoolId: created[0], IdentityPoolName: 'one' });
  });

  it('rejects a token that it did not issue', async () => {
    const forged = developer.send(new ListIdentityPoolsCommand({ MaxResults: 1, NextToken: 'forged' }));
    expect(await errorOf(forged)).toMatchObject({ name: 'InvalidParameterException' });
  });

  describeDeveloperOnly(cloud, (client) => client.send(new ListIdentityPoolsCommand({ MaxResults: 1 })));
});
