import { GetCredentialsForIdentityCommand, GetOpenIdTokenCommand } from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { login, OWN_PROVIDER } from '../../fixtures/identity/identity-service.ts';
import {
  errorOf,
  identityForbidden,
  openIdentityCloud,
  UNKNOWN_IDENTITY,
} from '../../fixtures/wire/identity-cloud.ts';

const { app, newPool, getId } = await openIdentityCloud();

const getToken = (IdentityId: string, Logins?: Record<string, string>) =>
  app.send(new GetOpenIdTokenCommand({ IdentityId, Logins }));

describe('GetOpenIdToken', () => {
  it('returns a token that contains the identity id and is accepted as a login of the identity', async () => {
    const pool = await newPool();
    const IdentityId = await getId(pool, login('ann'));
    const { Token = '' } = await getToken(IdentityId, login('ann'));
    const [, payload = ''] = Token.split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      sub: IdentityId,
      aud: pool,
      amr: ['authenticated', 'accounts.google.com'],
    });
    const proof = { IdentityId, Logins: { [OWN_PROVIDER]: Token } };
    expect(await app.send(new GetCredentialsForIdentityCommand(proof))).toMatchObject({ IdentityId });
  });

  it('rejects a pool that does not allow the classic flow', async () => {
    const guest = await getId(await newPool({ AllowClassicFlow: false }));
    expect(await errorOf(getToken(guest))).toEqual({
      name: 'InvalidParameterException',
      message: 'Basic (classic) flow is not enabled, please use enhanced flow.',
    });
  });

  it('rejects an unknown identity', async () => {
    expect(await errorOf(getToken(UNKNOWN_IDENTITY))).toEqual(identityForbidden());
  });
});
