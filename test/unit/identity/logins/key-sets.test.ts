import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLoginVerifier } from '../../../../lib/identity/logins/verify-logins.ts';
import { type JsonResponse, ProviderUnavailableError } from '../../../../lib/identity/ports/fetch-json.ts';
import { createDocuments, createSigningKey, type SigningKey } from '../../../fixtures/identity/id-tokens.ts';

const KEY = 'login.example';
const ISSUER = `https://${KEY}`;
const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`;
const JWKS = `${ISSUER}/keys`;
const POOL = {
  IdentityPoolId: 'us-east-1:0',
  IdentityPoolName: 'players',
  AllowUnauthenticatedIdentities: true,
  OpenIdConnectProviderARNs: [`arn:aws:iam::000000000000:oidc-provider/${KEY}`],
};
const settings = new Map([[KEY, { clientIds: ['app'] }]]);
const MINUTE = 60_000;

const NOT_VERIFIED = expect.objectContaining({
  code: 'NotAuthorizedException',
  message: "Invalid login token. Couldn't verify signed token.",
});
const UNAVAILABLE = expect.objectContaining({
  code: 'ExternalServiceException',
  message: `The login provider ${KEY} did not respond as expected; try again later.`,
});

describe('the keys of a provider', () => {
  const keys: SigningKey[] = [];
  let now: number;
  let documents: Map<string, JsonResponse | ProviderUnavailableError>;
  let provider: ReturnType<typeof createDocuments>;
  let verifier: ReturnType<typeof createLoginVerifier>;
  let reported: string[];

  beforeAll(async () => {
    keys.push(await createSigningKey('k0'), await createSigningKey('k1'));
  });
  beforeEach(() => {
    now = Date.UTC(2026, 10, 29, 12);
    documents = new Map([
      [DISCOVERY, { status: 200, body: { issuer: ISSUER, jwks_uri: JWKS } }],
      [JWKS, publish(0)],
    ]);
    provider = createDocuments(documents);
    reported = [];
    verifier = createLoginVerifier({
      settings,
      fetchJson: provider.fetchJson,
      now: () => now,
      report: (_, error) => reported.push(error.message),
    });
  });

  const publish = (...indexes: number[]): JsonResponse => ({
    status: 200,
    body: { keys: indexes.map((index) => keys[index]?.publicJwk) },
  });
  async function logIn(index = 0, header = {}): Promise<string> {
    const claims = { iss: ISSUER, sub: 'ann', aud: 'app', exp: now / 1000 + 600 };
    return verifier.verify(POOL, KEY, (await keys[index]?.sign(claims, header)) ?? '');
  }
  /** The number of times that the keys were requested. */
  const fetched = () => provider.urls().filter((url) => url === JWKS).length;
  const goDown = () =>
    documents.set(DISCOVERY, new ProviderUnavailableError(`${KEY} did not respond in time`));
  const goUp = () => documents.set(DISCOVERY, { status: 200, body: { issuer: ISSUER, jwks_uri: JWKS } });

  it('are loaded once for concurrent logins, and then reused', async () => {
    await Promise.all([logIn(), logIn(), logIn()]);
    await logIn();
    expect(provider.urls()).toEqual([DISCOVERY, JWKS]);
    expect(verifier.keySets()).toEqual([{ source: DISCOVERY, keys: 1, loadedAt: now, lastError: null }]);
  });

  it('are loaded again at the first token with an unknown key, so a rotated key works immediately', async () => {
    await logIn();
    documents.set(JWKS, publish(1, 0));
    await Promise.all([logIn(1), logIn(1), logIn(0)]);
    expect(fetched()).toBe(2);
  });

  it('are loaded at most every 30 s because of unknown keys; in the meantime, such tokens are rejected', async () => {
    await logIn();
    await expect(logIn(0, { kid: 'unknown' })).rejects.toEqual(NOT_VERIFIED);
    documents.set(JWKS, publish(1, 0));
    now += 29_999;
    for (const header of [{}, { kid: 'unknown' }])
      await expect(logIn(1, header)).rejects.toEqual(NOT_VERIFIED);
    expect(fetched()).toBe(2);
    now += 1;
    expect(await logIn(1)).toBe('ann');
    expect(fetched()).toBe(3);
  });

  it('are refreshed in the background after ten minutes, so a withdrawn key is soon rejected', async () => {
    await logIn();
    documents.set(JWKS, publish(1));
    now += 10 * MINUTE;
    expect(await logIn()).toBe('ann');
    await sleep(10);
    expect(fetched()).toBe(2);
    await expect(logIn()).rejects.toEqual(NOT_VERIFIED);
  });

  it('are loaded before they are used again if they are an hour old', async () => {
    await logIn();
    documents.set(JWKS, publish(1));
    now += 60 * MINUTE;
    await expect(logIn()).rejects.toEqual(NOT_VERIFIED);
  });

  it('remain in use while the provider is unavailable, for hours', async () => {
    await logIn();
    const loadedAt = now;
    goDown();
    for (const minutes of [10, 60, 300]) {
      now += minutes * MINUTE;
      expect(await logIn()).toBe('ann');
      await sleep(10);
    }
    expect(verifier.keySets()).toEqual([
      { source: DISCOVERY, keys: 1, loadedAt, lastError: `${KEY} did not respond in time` },
    ]);
    goUp();
    now += MINUTE;
    await logIn();
    expect(verifier.keySets()).toEqual([{ source: DISCOVERY, keys: 1, loadedAt: now, lastError: null }]);
  });

  it('are requested at most every 30 s while the provider is unavailable', async () => {
    await logIn();
    goDown();
    now += 60 * MINUTE;
    await logIn();
    now += 29_999;
    await logIn();
    expect(provider.urls().length).toBe(3);
    now += 1;
    await logIn();
    expect(provider.urls().length).toBe(4);
  });

  it('while the provider is unavailable, a token with an unknown key is not rejected, because the key may be new; the login fails as unavailable', async () => {
    await logIn();
    goDown();
    await expect(logIn(1)).rejects.toEqual(UNAVAILABLE);
    now += 1_000;
    await expect(logIn(1)).rejects.toEqual(UNAVAILABLE);
    expect(await logIn(0)).toBe('ann');
    expect(reported).toEqual([`${KEY} did not respond in time`, `${KEY} did not respond in time`]);
    goUp();
    documents.set(JWKS, publish(1, 0));
    now += 30_000;
    expect(await logIn(1)).toBe('ann');
  });

  it('are requested again five seconds after they could not be loaded; until then, logins fail immediately', async () => {
    goDown();
    await expect(Promise.all([logIn(), logIn()])).rejects.toEqual(UNAVAILABLE);
    now += 4_999;
    await expect(logIn()).rejects.toEqual(UNAVAILABLE);
    expect(provider.urls()).toEqual([DISCOVERY]);
    expect(verifier.keySets()).toMatchObject([{ keys: 0, loadedAt: null }]);
    goUp();
    now += 1;
    expect(await logIn()).toBe('ann');
  });

  it('delay a login by at most the time limit of a login, even if that login loads the keys twice', async () => {
    const timeoutMs = 1_200;
    const started: string[] = [];
    const late = createLoginVerifier({
      settings: new Map([[KEY, { clientIds: ['app'], jwksUri: JWKS }]]),
      async fetchJson(url, { signal }) {
        started.push(url);
        await sleep(started.length === 1 ? timeoutMs - 100 : 60_000, undefined, { signal }).catch(() => {
          throw new ProviderUnavailableError('the time is up');
        });
        return publish(0);
      },
      now: () => now,
      timeoutMs,
    });
    const claims = { iss: ISSUER, sub: 'ann', aud: 'app', exp: now / 1000 + 600 };
    const token = (await keys[1]?.sign(claims)) ?? '';
    const startedAt = performance.now();
    await expect(late.verify(POOL, KEY, token)).rejects.toEqual(UNAVAILABLE);
    expect(performance.now() - startedAt).toBeLessThan(timeoutMs + 1_000);
    expect(started).toEqual([JWKS, JWKS]);
  });

  it.each<[string, unknown, string]>([
    ['an empty set', { keys: [] }, 'answered without usable keys'],
    ['no set', { key: [] }, 'answered without usable keys'],
    ['an array', [], 'answered without usable keys'],
    ['only symmetric keys', { keys: [{ kty: 'oct', k: 'AAAA' }] }, 'answered without usable keys'],
    ['keys of a wrong type', { keys: ['key', { kty: 'RSA' }] }, 'answered with malformed keys'],
  ])('are not replaced by %s', async (_, body, reason) => {
    documents.set(JWKS, { status: 200, body });
    await expect(logIn()).rejects.toEqual(UNAVAILABLE);
    expect(reported).toEqual([`${KEY} ${reason}`]);
    documents.set(JWKS, publish(0));
    now += 5_000;
    await logIn();
    documents.set(JWKS, { status: 200, body });
    await expect(logIn(1)).rejects.toEqual(UNAVAILABLE);
    expect(await logIn()).toBe('ann');
  });

  it.each<[string, JsonResponse, string]>([
    [
      'another issuer',
      { status: 200, body: { issuer: 'https://evil.example', jwks_uri: JWKS } },
      'another issuer',
    ],
    ['no issuer', { status: 200, body: { jwks_uri: JWKS } }, 'another issuer'],
    ['no address of keys', { status: 200, body: { issuer: ISSUER } }, 'no jwks_uri'],
    ['an error', { status: 404, body: {} }, 'answered 404'],
  ])('are not loaded if the discovery document has %s', async (_, document, reason) => {
    documents.set(DISCOVERY, document);
    await expect(logIn()).rejects.toEqual(UNAVAILABLE);
    expect(reported).toEqual([expect.stringContaining(reason)]);
    expect(fetched()).toBe(0);
  });

  it('are described for operators, with the reason if they are unavailable', async () => {
    const describePool = () => verifier.describe(POOL);
    goDown();
    expect(await describePool()).toEqual([
      { provider: KEY, state: 'keys unavailable', reason: `${KEY} did not respond in time` },
    ]);
    goUp();
    now += 5_000;
    expect(await describePool()).toEqual([{ provider: KEY, state: 'keys available', reason: null }]);
  });
});
