import {
  DescribeIdentityCommand,
  GetCredentialsForIdentityCommand,
  UnlinkIdentityCommand,
} from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { DEVELOPER_PROVIDER, login, OWN_PROVIDER } from '../../fixtures/identity/identity-service.ts';
import {
  errorOf,
  identityForbidden,
  openIdentityCloud,
  UNKNOWN_IDENTITY,
} from '../../fixtures/wire/identity-cloud.ts';

const { app, developer, newPool, getId, logIn } = await openIdentityCloud();

const GOOGLE = 'accounts.google.com';
const FACEBOOK = 'graph.facebook.com';
const BOTH = { ...login('ann'), ...login('ann', FACEBOOK) };
const unlink = (IdentityId: string, Logins: Record<string, string>, ...LoginsToRemove: string[]) =>
  app.send(new UnlinkIdentityCommand({ IdentityId, Logins, LoginsToRemove }));
const providersOf = async (IdentityId: string) =>
  (await developer.send(new DescribeIdentityCommand({ IdentityId }))).Logins;
const enter = (IdentityId: string, Logins?: Record<string, string>) =>
  app.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins }));

describe('UnlinkIdentity', () => {
  it('removes a login; its user then gets a new identity', async () => {
    const pool = await newPool();
    const ann = await getId(pool, BOTH);
    await unlink(ann, BOTH, FACEBOOK);
    expect(await providersOf(ann)).toEqual([GOOGLE]);
    expect(await getId(pool, login('ann'))).toBe(ann);
    expect(await getId(pool, login('ann', FACEBOOK))).not.toBe(ann);
  });

  it('needs only one login of the identity, and ignores providers that are not linked', async () => {
    const ann = await getId(await newPool(), BOTH);
    await unlink(ann, login('ann'), FACEBOOK, 'www.amazon.com');
    await unlink(ann, login('ann'), FACEBOOK);
    expect(await providersOf(ann)).toEqual([GOOGLE]);
  });

  it('makes an identity inaccessible if its last login is removed; it does not become a guest', async () => {
    const pool = await newPool();
    const ann = await getId(pool, login('ann'));
    await unlink(ann, login('ann'), GOOGLE);
    expect(await providersOf(ann)).toEqual([]);
    expect(await errorOf(enter(ann))).toEqual(identityForbidden(ann));
    for (const logins of [login('ann'), login('eve')])
      expect(await errorOf(enter(ann, logins))).toMatchObject({ name: 'NotAuthorizedException' });
    expect(await getId(pool, login('ann'))).not.toBe(ann);
  });

  it('rejects logins of other users, and links and removes nothing', async () => {
    const pool = await newPool();
    const [ann, ben] = [await getId(pool, BOTH), await getId(pool, login('ben'))];
    const mismatch = {
      name: 'NotAuthorizedException',
      message:
        "Logins don't match. Please include at least one valid login for this identity or identity pool.",
    };
    for (const logins of [login('ben'), login('eve'), {}])
      expect(await errorOf(unlink(ann, logins, GOOGLE))).toEqual(mismatch);
    expect(await providersOf(ann)).toEqual([GOOGLE, FACEBOOK]);
    await unlink(ben, { ...login('ben'), ...login('eve', 'www.amazon.com') }, FACEBOOK);
    expect(await providersOf(ben)).toEqual([GOOGLE]);
  });

  it('does not let clients remove a user of the developer provider', async () => {
    const pool = await newPool();
    const { IdentityId, Token } = await logIn(pool, 'ada');
    await expect(unlink(IdentityId, { [OWN_PROVIDER]: Token }, DEVELOPER_PROVIDER)).rejects.toThrow();
    expect((await logIn(pool, 'ada')).IdentityId).toBe(IdentityId);
  });

  it('accepts a token of this service as proof, and not that of another identity', async () => {
    const pool = await newPool();
    const [ann, other] = [await getId(pool, login('ann')), await getId(pool, login('ben'))];
    const { Token } = await logIn(pool, 'ada', ann);
    expect(await errorOf(unlink(other, { [OWN_PROVIDER]: Token }, GOOGLE))).toMatchObject({
      name: 'NotAuthorizedException',
    });
    await unlink(ann, { [OWN_PROVIDER]: Token }, GOOGLE);
    expect(await providersOf(ann)).toEqual([DEVELOPER_PROVIDER]);
  });

  it('rejects a guest, who has no login, and an unknown identity', async () => {
    const guest = await getId(await newPool());
    expect(await errorOf(unlink(guest, login('ann'), GOOGLE))).toMatchObject({
      name: 'NotAuthorizedException',
    });
    expect(await errorOf(unlink(UNKNOWN_IDENTITY, login('ann'), GOOGLE))).toEqual(identityForbidden());
    expect((await enter(guest)).IdentityId).toBe(guest);
  });
});
