import { generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { base64url, SignJWT } from 'jose';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLoginVerifier } from '../../../../lib/identity/logins/verify-logins.ts';
import type { JsonResponse } from '../../../../lib/identity/ports/fetch-json.ts';
import { createDocuments, createSigningKey, type SigningKey } from '../../../fixtures/identity/id-tokens.ts';

const KEY = 'login.example';
const ISSUER = `https://${KEY}`;
const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`;
const JWKS = `${ISSUER}/keys`;
const NOW = Date.UTC(2026, 10, 29, 12);
const SECONDS = NOW / 1000;
const POOL = {
  IdentityPoolId: 'us-east-1:0',
  IdentityPoolName: 'players',
  AllowUnauthenticatedIdentities: true,
  OpenIdConnectProviderARNs: [`arn:aws:iam::000000000000:oidc-provider/${KEY}`],
};
const SETTINGS = new Map([[KEY, { clientIds: ['app', 'web-app'] }]]);

const notAuthorized = (message: string) =>
  expect.objectContaining({ code: 'NotAuthorizedException', message });
const NOT_A_TOKEN = notAuthorized('Invalid login token. Not a valid OpenId Connect identity token.');
const NOT_VERIFIED = notAuthorized("Invalid login token. Couldn't verify signed token.");
const OTHER_ISSUER = notAuthorized("Invalid login token. Issuer doesn't match providerName");
const OTHER_CLIENT = notAuthorized('Token is not from a supported provider of this identity pool.');
const NOT_YET_VALID = notAuthorized('Invalid login token. Token is not valid yet.');
const missing = (claim: string) => notAuthorized(`Invalid login token. Missing a required claim: ${claim}`);

describe('an ID token', () => {
  let key: SigningKey;
  let documents: Map<string, JsonResponse>;
  let provider: ReturnType<typeof createDocuments>;

  beforeAll(async () => {
    key = await createSigningKey('k1');
  });
  beforeEach(() => {
    documents = new Map([
      [DISCOVERY, { status: 200, body: { issuer: ISSUER, jwks_uri: JWKS } }],
      [JWKS, { status: 200, body: { keys: [key.publicJwk] } }],
    ]);
    provider = createDocuments(documents);
  });

  const claims = (changed: object = {}) => ({
    iss: ISSUER,
    sub: 'ann',
    aud: 'app',
    iat: SECONDS,
    exp: SECONDS + 600,
    ...changed,
  });
  function verify(token: string, settings = SETTINGS): Promise<string> {
    const { fetchJson } = provider;
    return createLoginVerifier({ settings, fetchJson, now: () => NOW }).verify(POOL, KEY, token);
  }
  const verifyClaims = async (changed: object) => verify(await key.sign(claims(changed)));
  /** Signs any text as the payload. Uses node:crypto, because SignJWT of jose accepts only an object of claims. */
  function signRaw(header: object, payload: string): string {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const content = `${base64url.encode(JSON.stringify(header))}.${base64url.encode(payload)}`;
    return `${content}.${signBytes('sha256', Buffer.from(content), privateKey).toString('base64url')}`;
  }

  it('identifies its user by the claim sub', async () => {
    expect(await verifyClaims({})).toBe('ann');
    expect(provider.urls()).toEqual([DISCOVERY, JWKS]);
  });

  it.each(['RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512'])('may be signed with %s', async (alg) => {
    const other = await createSigningKey('k2', alg);
    documents.set(JWKS, { status: 200, body: { keys: [key.publicJwk, other.publicJwk] } });
    expect(await verify(await other.sign(claims()))).toBe('ann');
  });

  it('may name its issuer with a slash at the end', async () => {
    expect(await verifyClaims({ iss: `${ISSUER}/` })).toBe('ann');
  });

  describe('is rejected if it', () => {
    it.each([
      ['is empty', ''],
      ['is a plain text', 'ann'],
      ['has two parts', 'a.b'],
      ['has five parts, like an encrypted token', 'a.b.c.d.e'],
      ['has a payload that is not JSON', `${base64url.encode('{"alg":"RS256"}')}.bm90IGpzb24.c2ln`],
      ['has a payload that is an array', `${base64url.encode('{"alg":"RS256"}')}.W10.c2ln`],
      ['has a header without an algorithm', `${base64url.encode('{"kid":"k1"}')}.e30.c2ln`],
    ])('%s', async (_, token) => {
      await expect(verify(token)).rejects.toEqual(
        token.startsWith(base64url.encode('{"kid"')) ? NOT_VERIFIED : NOT_A_TOKEN,
      );
      expect(provider.urls()).toEqual([]);
    });

    it('is not signed (alg none)', async () => {
      const header = base64url.encode('{"alg":"none"}');
      const payload = base64url.encode(JSON.stringify(claims()));
      for (const token of [`${header}.${payload}.`, `${header}.${payload}.c2ln`]) {
        await expect(verify(token)).rejects.toEqual(NOT_VERIFIED);
      }
      expect(provider.urls()).toEqual([]);
    });

    it('is signed with HS256 and the public key as the secret', async () => {
      for (const secret of [JSON.stringify(key.publicJwk), String(key.publicJwk.n)]) {
        const token = await new SignJWT(claims())
          .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
          .sign(Buffer.from(secret));
        await expect(verify(token)).rejects.toEqual(NOT_VERIFIED);
      }
      expect(provider.urls()).toEqual([]);
    });

    it('is signed with HS256 and a symmetric key that the provider publishes by mistake', async () => {
      const secret = Buffer.alloc(32, 7);
      const jwk = { kty: 'oct', k: secret.toString('base64url'), kid: 'k1', alg: 'HS256' };
      documents.set(JWKS, { status: 200, body: { keys: [jwk, key.publicJwk] } });
      const token = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(secret);
      await expect(verify(token)).rejects.toEqual(NOT_VERIFIED);
    });

    it('has the key id of a key that did not sign it', async () => {
      const other = await createSigningKey('k2');
      documents.set(JWKS, { status: 200, body: { keys: [key.publicJwk, other.publicJwk] } });
      await expect(verify(await other.sign(claims(), { kid: 'k1' }))).rejects.toEqual(NOT_VERIFIED);
      await expect(verify(await key.sign(claims(), { kid: 'k3' }))).rejects.toEqual(NOT_VERIFIED);
    });

    it('has no key id, and the provider has several keys', async () => {
      const other = await createSigningKey('k2');
      documents.set(JWKS, { status: 200, body: { keys: [key.publicJwk, other.publicJwk] } });
      await expect(verify(await key.sign(claims(), { kid: undefined }))).rejects.toEqual(NOT_VERIFIED);
    });

    it('brings its own key, or the address of its own key', async () => {
      const attacker = await createSigningKey('k1');
      const evil = 'https://evil.example/keys';
      documents.set(evil, { status: 200, body: { keys: [attacker.publicJwk] } });
      for (const header of [
        { jku: evil },
        { x5u: evil },
        { jwk: attacker.publicJwk },
        { jku: evil, kid: 'k9' },
      ]) {
        await expect(verify(await attacker.sign(claims(), header))).rejects.toEqual(NOT_VERIFIED);
      }
      expect(provider.urls()).not.toContain(evil);
    });

    it('has a critical header that is not understood', async () => {
      const token = await key.sign(claims(), { crit: ['purpose'], purpose: 'another protocol' });
      await expect(verify(token)).rejects.toEqual(NOT_VERIFIED);
    });

    it('was changed after it was signed', async () => {
      const [header, , signature] = (await key.sign(claims())).split('.');
      const payload = base64url.encode(JSON.stringify(claims({ sub: 'eve' })));
      await expect(verify(`${header}.${payload}.${signature}`)).rejects.toEqual(NOT_VERIFIED);
    });

    it('expired more than five minutes ago', async () => {
      expect(await verifyClaims({ exp: SECONDS - 299 })).toBe('ann');
      for (const exp of [SECONDS - 300, SECONDS - 86_400, 0]) {
        await expect(verifyClaims({ exp })).rejects.toEqual(
          notAuthorized(`Invalid login token. Token expired: ${SECONDS - 300} >= ${exp}`),
        );
      }
    });

    it('has an issue time (iat) or a start of validity (nbf) more than five minutes in the future', async () => {
      expect(await verifyClaims({ iat: SECONDS + 300, nbf: SECONDS + 300, exp: SECONDS + 900 })).toBe('ann');
      await expect(verifyClaims({ iat: SECONDS + 301 })).rejects.toEqual(NOT_YET_VALID);
      await expect(verifyClaims({ nbf: SECONDS + 301 })).rejects.toEqual(NOT_YET_VALID);
    });

    it('has no expiry, no user or no audience', async () => {
      await expect(verifyClaims({ exp: undefined })).rejects.toEqual(missing('exp'));
      await expect(verifyClaims({ sub: undefined })).rejects.toEqual(missing('sub'));
      await expect(verifyClaims({ sub: '' })).rejects.toEqual(missing('sub'));
      await expect(verifyClaims({ aud: undefined })).rejects.toEqual(missing('aud'));
      await expect(verifyClaims({ aud: [] })).rejects.toEqual(missing('aud'));
    });

    it.each([
      ['exp', 'soon'],
      ['sub', 7],
      ['sub', 'a\0b'],
      ['aud', 7],
      ['aud', [7]],
      ['aud', { app: true }],
      ['azp', ['app']],
      ['iat', 'now'],
      ['nbf', null],
      ['iss', [ISSUER]],
    ])('has a claim of the wrong type: %s', async (name, value) => {
      const token = signRaw({ alg: 'RS256', kid: 'k1' }, JSON.stringify(claims({ [name]: value })));
      await expect(verify(token)).rejects.toEqual(notAuthorized(expect.any(String)));
      expect(provider.urls()).toEqual([]);
    });

    it('was issued to another client', async () => {
      await expect(verifyClaims({ aud: 'other' })).rejects.toEqual(OTHER_CLIENT);
      await expect(verifyClaims({ azp: 'other' })).rejects.toEqual(OTHER_CLIENT);
      await expect(verifyClaims({ aud: ['app', 'web-app'], azp: 'other' })).rejects.toEqual(OTHER_CLIENT);
    });

    it('has several audiences, and does not say to which of them it was issued', async () => {
      await expect(verifyClaims({ aud: ['other', 'app'] })).rejects.toEqual(OTHER_CLIENT);
      expect(await verifyClaims({ aud: ['other', 'app'], azp: 'app' })).toBe('ann');
      expect(await verifyClaims({ aud: ['app'] })).toBe('ann');
      expect(await verifyClaims({ aud: 'other', azp: 'web-app' })).toBe('ann');
    });

    it('was issued by another issuer', async () => {
      for (const iss of [
        undefined,
        '',
        'https://evil.example',
        `${ISSUER}.evil.example`,
        `${ISSUER}//`,
        KEY,
      ]) {
        await expect(verifyClaims({ iss })).rejects.toEqual(OTHER_ISSUER);
      }
    });

    it('is very long or deeply nested', async () => {
      const nested = `{"iss":"${ISSUER}","x":${'['.repeat(30_000)}${']'.repeat(30_000)}}`;
      await expect(verify(signRaw({ alg: 'RS256', kid: 'k1' }, nested))).rejects.toEqual(NOT_A_TOKEN);
      const shallower = `{"iss":"${ISSUER}","x":${'['.repeat(15_000)}${']'.repeat(15_000)}}`;
      await expect(verify(signRaw({ alg: 'RS256', kid: 'k1' }, shallower))).rejects.toEqual(missing('aud'));
      await expect(verifyClaims({ x: 'x'.repeat(100_000) })).rejects.toEqual(NOT_A_TOKEN);
      expect(await verifyClaims({ x: 'x'.repeat(30_000) })).toBe('ann');
    });

    it('is from a provider that the pool does not accept', async () => {
      const token = await key.sign(claims());
      const { fetchJson } = provider;
      const { verify } = createLoginVerifier({ settings: SETTINGS, fetchJson, now: () => NOW });
      for (const other of ['other.example', '__proto__', 'constructor', '']) {
        await expect(verify(POOL, other, token)).rejects.toEqual(OTHER_CLIENT);
      }
      expect(provider.urls()).toEqual([]);
    });
  });

  it('cannot be verified while LOGIN_PROVIDERS has no client ids of its provider', async () => {
    await expect(verify(await key.sign(claims()), new Map())).rejects.toMatchObject({
      code: 'InvalidIdentityPoolConfigurationException',
      message: `Logins of ${KEY} cannot be verified: LOGIN_PROVIDERS must have its clientIds.`,
    });
  });
});
