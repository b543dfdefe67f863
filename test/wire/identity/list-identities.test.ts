import {
  GetCredentialsForIdentityCommand,
  ListIdentitiesCommand,
  UnlinkIdentityCommand,
} from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { login } from '../../fixtures/identity/identity-service.ts';
import {
  describeDeveloperOnly,
  errorOf,
  openIdentityCloud,
  poolNotFound,
  UNKNOWN_POOL,
} from '../../fixtures/wire/identity-cloud.ts';

const cloud = await openIdentityCloud();
const { app, developer, newPool, getId } = cloud;

describe('ListIdentities', () => {
  it('returns the identities of a pool, page by page', async () => {
    const IdentityPoolId = await newPool();
    const created = [await getId(IdentityPoolId), await getId(IdentityPoolId), await getId(IdentityPoolId)];
    await getId(await newPool());
    const ids: unknown[] = [];
    let NextToken: string | undefined;
    do {
      const input = { IdentityPoolId, MaxResults: 2, NextToken };
      const page = await developer.send(new ListIdentitiesCommand(input));
      expect(page.IdentityPoolId).toBe(IdentityPoolId);
      ids.push(...(page.Identities ?? []).map(({ IdentityId }) => IdentityId));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    expect(ids.toSorted()).toEqual(created.toSorted());
  });

  it('leaves out merged and inaccessible identities if HideDisabled is set', async () => {
    const IdentityPoolId = await newPool();
    const [ann, guest] = [await getId(IdentityPoolId, login('ann')), await getId(IdentityPoolId)];
    await app.send(new GetCredentialsForIdentityCommand({ IdentityId: guest, Logins: login('ann') }));
    const ben = { IdentityId: await getId(IdentityPoolId, login('ben')), Logins: login('ben') };
    const GOOGLE = 'accounts.google.com';
    await app.send(new UnlinkIdentityCommand({ ...ben, LoginsToRemove: [GOOGLE] }));
    const list = async (HideDisabled: boolean) =>
      (await developer.send(new ListIdentitiesCommand({ IdentityPoolId, MaxResults: 60, HideDisabled })))
        .Identities;
    expect(await list(true)).toMatchObject([{ IdentityId: ann, Logins: [GOOGLE] }]);
    expect(await list(false)).toHaveLength(3);
  });

  it('does not find an unknown pool', async () => {
    const unknown = developer.send(
      new ListIdentitiesCommand({ IdentityPoolId: UNKNOWN_POOL, MaxResults: 1 }),
    );
    expect(await errorOf(unknown)).toEqual(poolNotFound);
  });

  describeDeveloperOnly(cloud, (client, IdentityPoolId) =>
    client.send(new ListIdentitiesCommand({ IdentityPoolId, MaxResults: 1 })),
  );
});
