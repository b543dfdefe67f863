import {
  DeleteIdentitiesCommand,
  DescribeIdentityCommand,
  GetCredentialsForIdentityCommand,
} from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { identityClient } from '../../fixtures/identity/identity-credentials.ts';
import { login, OWN_PROVIDER } from '../../fixtures/identity/identity-service.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';
import {
  describeDeveloperOnly,
  errorOf,
  identityForbidden,
  openIdentityCloud,
  UNKNOWN_IDENTITY,
} from '../../fixtures/wire/identity-cloud.ts';
import { list, set, write } from '../../fixtures/wire/sync-client.ts';

const cloud = await openIdentityCloud();
const { app, developer, newPool, getId, logIn } = cloud;

const remove = (...IdentityIdsToDelete: string[]) =>
  developer.send(new DeleteIdentitiesCommand({ IdentityIdsToDelete }));

describe('DeleteIdentities', () => {
  it('deletes identities and reports those that it does not know', async () => {
    const pool = await newPool();
    const [ann, guest] = [await getId(pool, login('ann')), await getId(pool)];
    expect(await remove(ann, UNKNOWN_IDENTITY, guest)).toMatchObject({
      UnprocessedIdentityIds: [{ IdentityId: UNKNOWN_IDENTITY, ErrorCode: 'AccessDenied' }],
    });
    for (const IdentityId of [ann, guest]) {
      const described = developer.send(new DescribeIdentityCommand({ IdentityId }));
      expect(await errorOf(described)).toMatchObject({ name: 'ResourceNotFoundException' });
    }
    expect(await getId(pool, login('ann'))).not.toBe(ann);
  });

  it('revokes credentials and tokens, and deletes the data from the service and the query store', async () => {
    const IdentityPoolId = POOL;
    const ann = await getId(IdentityPoolId, login('ann'));
    const identity = { IdentityPoolId, IdentityId: ann };
    const client = await identityClient(cloud.cloud, identity);
    await write(client, identity, 'game', [set('score', '42')]);
    const inQueryStore = async () =>
      (
        await cloud.cloud.database.query('SELECT record_value FROM query.records WHERE identity_id = $1', [
          ann,
        ])
      ).rows;
    await expect.poll(inQueryStore, { timeout: 30_000 }).toEqual([{ record_value: '42' }]);
    expect((await remove(ann)).UnprocessedIdentityIds).toEqual([]);
    await expect(list(client, identity, 'game')).rejects.toMatchObject({ name: 'NotAuthorizedException' });
    await expect(write(client, identity, 'other', [set('score', '1')])).rejects.toMatchObject({
      name: 'NotAuthorizedException',
    });
    await expect.poll(inQueryStore, { timeout: 30_000 }).toEqual([]);
  });

  it('rejects the token of a deleted user', async () => {
    const { IdentityId, Token } = await logIn(await newPool(), 'ada');
    await remove(IdentityId);
    const login = { IdentityId, Logins: { [OWN_PROVIDER]: Token } };
    const rejected = app.send(new GetCredentialsForIdentityCommand(login));
    expect(await errorOf(rejected)).toEqual(identityForbidden(IdentityId));
  });

  it.each([0, 61])('rejects a list of %i identities', async (length) => {
    const ids = Array.from({ length }, () => UNKNOWN_IDENTITY);
    expect(await errorOf(remove(...ids))).toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining("at 'identityIdsToDelete'"),
    });
  });

  describeDeveloperOnly(cloud, (client, _, IdentityId) =>
    client.send(new DeleteIdentitiesCommand({ IdentityIdsToDelete: [IdentityId] })),
  );
});
