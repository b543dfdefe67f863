import { GetCredentialsForIdentityCommand } from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { login } from '../../fixtures/identity/identity-service.ts';
import {
  errorOf,
  identityForbidden,
  openIdentityCloud,
  UNKNOWN_IDENTITY,
} from '../../fixtures/wire/identity-cloud.ts';
import { createSyncClient, list, set, write } from '../../fixtures/wire/sync-client.ts';

const { cloud, app, newPool, getId } = await openIdentityCloud();

const enter = (IdentityId: string, Logins?: Record<string, string>) =>
  app.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins }));

describe('GetCredentialsForIdentity', () => {
  it('returns credentials that are valid for an hour and give access to the data of the identity', async () => {
    const IdentityPoolId = await newPool();
    const IdentityId = await getId(IdentityPoolId, login('ann'));
    const answer = await enter(IdentityId, login('ann'));
    expect(answer.IdentityId).toBe(IdentityId);
    const { AccessKeyId = '', SecretKey = '', SessionToken = '', Expiration } = answer.Credentials ?? {};
    const minutes = (Number(Expiration) - Date.now()) / 60_000;
    expect(Math.abs(minutes - 60)).toBeLessThan(1);
    const client = createSyncClient(cloud.url, {
      credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretKey, sessionToken: SessionToken },
    });
    const identity = { IdentityPoolId, IdentityId };
    await write(client, identity, 'game', [set('score', '42')]);
    expect((await list(client, identity, 'game')).Records).toMatchObject([{ Key: 'score', Value: '42' }]);
    const others = list(client, { ...identity, IdentityId: await getId(IdentityPoolId) }, 'game');
    await expect(others).rejects.toMatchObject({ name: 'NotAuthorizedException' });
    client.destroy();
  });

  it('merges a guest into the identity of the user who logs in', async () => {
    const pool = await newPool();
    const [ann, guest] = [await getId(pool, login('ann')), await getId(pool)];
    expect((await enter(guest, login('ann'))).IdentityId).toBe(ann);
  });

  it('rejects an identity without its login, and an unknown identity', async () => {
    const pool = await newPool();
    const [ann] = [await getId(pool, login('ann'))];
    expect(await errorOf(enter(ann))).toEqual(identityForbidden(ann));
    expect(await errorOf(enter(ann, login('ben')))).toMatchObject({
      name: 'NotAuthorizedException',
      message: expect.stringContaining("Logins don't match."),
    });
    expect(await errorOf(enter(UNKNOWN_IDENTITY))).toEqual(identityForbidden());
  });
});
