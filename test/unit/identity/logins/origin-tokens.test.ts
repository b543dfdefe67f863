import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { createOriginTokens, type OriginTokenKeys } from '../../../../lib/identity/logins/origin-tokens.ts';
import { createOpenIdTokens } from '../../../../lib/identity/open-id-token.ts';
import { ProviderUnavailableError } from '../../../../lib/identity/ports/fetch-json.ts';

const POOL = 'us-east-1:00000000-0000-4000-8000-0000000000aa';
const ID = 'us-east-1:00000000-0000-4000-8000-0000000000bb';
const NOW = 1_700_000_000_000;
const AMAZON: OriginTokenKeys = {
  issuer: 'https://cognito-identity.amazonaws.com',
  jwksUri: 'https://cognito-identity.amazonaws.com/.well-known/jwks_uri',
};

describe('OpenID tokens of an origin', () => {
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;
  let isDown = false;
  let open: ReturnType<typeof createOriginTokens>;
  beforeAll(async () => {
    keys = await generateKeyPair('RS512', { extractable: true });
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'RS512', use: 'sig' };
    open = createOriginTokens({
      now: () => NOW,
      async fetchJson(url) {
        if (isDown) throw new ProviderUnavailableError('down');
        return url === AMAZON.jwksUri ? { status: 200, body: { keys: [jwk] } } : { status: 404, body: null };
      },
    });
  });

  const claims = {
    sub: ID,
    aud: POOL,
    iss: AMAZON.issuer,
    amr: ['authenticated', 'login.example.com'],
    iat: NOW / 1000 - 60,
    exp: NOW / 1000 + 600,
  };
  const sign = (given: object = {}) =>
    new SignJWT({ ...claims, ...given }).setProtectedHeader({ alg: 'RS512', kid: 'k' }).sign(keys.privateKey);

  it('name an authenticated identity or a guest', async () => {
    expect(await open(AMAZON, POOL, await sign())).toEqual({
      state: 'valid',
      identity: { identityPoolId: POOL, identityId: ID },
      isAuthenticated: true,
      issuedAt: NOW - 60_000,
      expiresAt: claims.exp,
    });
    const ofGuest = await sign({ amr: ['unauthenticated'] });
    expect(await open(AMAZON, POOL, ofGuest)).toMatchObject({ state: 'valid', isAuthenticated: false });
  });

  it('are invalid if they are of another pool or issuer, forged, or not tokens', async () => {
    const other = await generateKeyPair('RS512');
    const header = { alg: 'RS512', kid: 'k' };
    const forged = await new SignJWT(claims).setProtectedHeader(header).sign(other.privateKey);
    const bad = [
      await sign({ aud: `${POOL}0` }),
      await sign({ iss: 'https://attacker.example' }),
      await sign({ amr: undefined }),
      forged,
      'no token',
      createOpenIdTokens({ keys: [Buffer.alloc(32, 1)], now: () => NOW }).issue(
        { identityPoolId: POOL, identityId: ID },
        ['p'],
        60,
      ),
    ];
    for (const token of bad) expect(await open(AMAZON, POOL, token)).toEqual({ state: 'invalid' });
    expect(await open(AMAZON, POOL, await sign({ exp: NOW / 1000 - 301 }))).toEqual({ state: 'expired' });
  });

  it('are opened with the token keys of the origin if the origin is another instance of this service', async () => {
    const secret = Buffer.alloc(32, 1);
    const token = createOpenIdTokens({ keys: [secret], now: () => NOW }).issue(
      { identityPoolId: POOL, identityId: ID },
      ['p'],
      60,
    );
    expect(await open({ secrets: [secret] }, POOL, token)).toMatchObject({ identity: { identityId: ID } });
    expect(await open({ secrets: [Buffer.alloc(32, 2)] }, POOL, token)).toEqual({ state: 'invalid' });
  });

  it('can be neither accepted nor rejected while the keys of the origin cannot be loaded', async () => {
    isDown = true;
    const fresh = { ...AMAZON, jwksUri: 'https://other.example/keys' };
    await expect(open(fresh, POOL, await sign())).rejects.toThrow(ProviderUnavailableError);
  });
});
