import { setImmediate } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LoginProviderSettings } from '../../../../lib/common/login-providers.ts';
import { createLoginVerifier } from '../../../../lib/identity/logins/verify-logins.ts';
import type { IdentityPoolSettings } from '../../../../lib/identity/model.ts';
import type { JsonResponse, ProviderUnavailableError } from '../../../../lib/identity/ports/fetch-json.ts';
import { createDocuments, createSigningKey, type SigningKey } from '../../../fixtures/identity/id-tokens.ts';

const NOW = Date.UTC(2026, 10, 29, 12);
const SECONDS = NOW / 1000;
const USER_POOL = 'cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc';
const GOOGLE_KEYS = 'https://www.googleapis.com/oauth2/v3/certs';
const APPLE_KEYS = 'https://appleid.apple.com/auth/keys';
const FACEBOOK_KEYS = 'https://limited.facebook.com/.well-known/oauth/openid/jwks/';
const arn = (key: string) => `arn:aws:iam::123456789012:oidc-provider/${key}`;

const error = (code: string, message: unknown) => expect.objectContaining({ code, message });
const notAuthorized = (message: unknown) => error('NotAuthorizedException', message);
const INVALID = notAuthorized('Invalid login token.');
const OTHER_CLIENT = notAuthorized('Token is not from a supported provider of this identity pool.');
const OTHER_ISSUER = notAuthorized("Invalid login token. Issuer doesn't match providerName");

let key: SigningKey;
let documents: Map<string, JsonResponse | ProviderUnavailableError>;
let provider: ReturnType<typeof createDocuments>;
let now: number;

beforeAll(async () => {
  key = await createSigningKey('k1');
});
beforeEach(() => {
  now = NOW;
  documents = new Map();
  provider = createDocuments(documents);
});

type Pool = Partial<IdentityPoolSettings>;
type Settings = Record<string, LoginProviderSettings>;

function openVerifier(settings: Settings = {}) {
  const { fetchJson } = provider;
  return createLoginVerifier({ settings: new Map(Object.entries(settings)), fetchJson, now: () => now });
}
const poolWith = (pool: Pool) => ({
  IdentityPoolId: 'us-east-1:0',
  IdentityPoolName: 'players',
  AllowUnauthenticatedIdentities: true,
  ...pool,
});
function verifyToken(pool: Pool, name: string, token: string, settings?: Settings): Promise<string> {
  return openVerifier(settings).verify(poolWith(pool), name, token);
}
async function verify(pool: Pool, name: string, claims: object, settings?: Settings): Promise<string> {
  const token = await key.sign({ sub: 'ann', exp: SECONDS + 600, ...claims });
  return verifyToken(pool, name, token, settings);
}
const publishAt = (url: string) => documents.set(url, { status: 200, body: { keys: [key.publicJwk] } });

describe('a login of accounts.google.com', () => {
  const GOOGLE = 'accounts.google.com';

  it('is verified with the keys of Google, and must have the pool’s client id as its audience', async () => {
    publishAt(GOOGLE_KEYS);
    const pool = { SupportedLoginProviders: { [GOOGLE]: 'web.apps.example' } };
    for (const iss of [`https://${GOOGLE}`, GOOGLE]) {
      expect(await verify(pool, GOOGLE, { iss, aud: 'web.apps.example' })).toBe('ann');
    }
    await expect(verify(pool, GOOGLE, { iss: GOOGLE, aud: 'other' })).rejects.toEqual(OTHER_CLIENT);
    await expect(
      verify(pool, GOOGLE, { iss: 'https://evil.example', aud: 'web.apps.example' }),
    ).rejects.toEqual(OTHER_ISSUER);
    expect(new Set(provider.urls())).toEqual(new Set([GOOGLE_KEYS]));
  });

  it('may come from several platforms if the pool accepts Google as an OpenID Connect provider', async () => {
    publishAt(GOOGLE_KEYS);
    const pool = { OpenIdConnectProviderARNs: [arn(GOOGLE)] };
    const settings = { [GOOGLE]: { clientIds: ['android', 'ios'] } };
    for (const client of [{ aud: 'ios' }, { aud: 'server', azp: 'android' }]) {
      expect(await verify(pool, GOOGLE, { iss: GOOGLE, ...client }, settings)).toBe('ann');
    }
    const onlyWeb = { SupportedLoginProviders: { [GOOGLE]: 'web' } };
    await expect(verify(onlyWeb, GOOGLE, { iss: GOOGLE, aud: 'ios' }, settings)).rejects.toEqual(
      OTHER_CLIENT,
    );
  });
});

describe('a login of appleid.apple.com', () => {
  it('is verified with the keys of Apple', async () => {
    publishAt(APPLE_KEYS);
    const pool = { SupportedLoginProviders: { 'appleid.apple.com': 'com.example.notes' } };
    const claims = { iss: 'https://appleid.apple.com', aud: 'com.example.notes' };
    expect(await verify(pool, 'appleid.apple.com', claims)).toBe('ann');
  });
});

describe('a login of a user pool', () => {
  const pool = {
    CognitoIdentityProviders: [
      { ProviderName: USER_POOL, ClientId: 'ios', ServerSideTokenCheck: true },
      { ProviderName: USER_POOL, ClientId: 'android' },
    ],
  };

  it('is verified with the keys of the user pool; every client of the pool is accepted', async () => {
    publishAt(`https://${USER_POOL}/.well-known/jwks.json`);
    for (const aud of ['ios', 'android']) {
      expect(await verify(pool, USER_POOL, { iss: `https://${USER_POOL}`, aud, token_use: 'id' })).toBe(
        'ann',
      );
    }
    await expect(verify(pool, USER_POOL, { iss: `https://${USER_POOL}`, aud: 'web' })).rejects.toEqual(
      OTHER_CLIENT,
    );
  });

  it('cannot be an access token, which has no audience', async () => {
    const claims = { iss: `https://${USER_POOL}`, client_id: 'ios', token_use: 'access' };
    await expect(verify(pool, USER_POOL, claims)).rejects.toEqual(
      notAuthorized('Invalid login token. Missing a required claim: aud'),
    );
  });

  it('may come from an emulator of user pools that LOGIN_PROVIDERS names', async () => {
    publishAt('http://127.0.0.1:9229/abc/.well-known/jwks.json');
    const settings = { [USER_POOL]: { issuer: 'http://127.0.0.1:9229/abc' } };
    const claims = { iss: 'http://127.0.0.1:9229/abc', aud: 'ios' };
    expect(await verify(pool, USER_POOL, claims, settings)).toBe('ann');
    await expect(
      verify(pool, USER_POOL, { ...claims, iss: `https://${USER_POOL}` }, settings),
    ).rejects.toEqual(OTHER_ISSUER);
  });
});

describe('a login of Facebook', () => {
  const FACEBOOK = 'graph.facebook.com';
  const DEBUG_TOKEN = 'https://graph.facebook.com/debug_token';
  const pool = { SupportedLoginProviders: { [FACEBOOK]: '1234' } };
  const settings = { [FACEBOOK]: { appId: '1234', appSecret: 's3cret' } };
  const TOKEN = 'EAAGm0PX4ZCpsBAKZ';
  const answer = (changed: object, status = 200) =>
    documents.set(DEBUG_TOKEN, {
      status,
      body: {
        data: {
          app_id: '1234',
          type: 'USER',
          application: 'Notes',
          expires_at: SECONDS + 3_600,
          is_valid: true,
          scopes: ['public_profile'],
          user_id: '10215241773831025',
          ...changed,
        },
      },
    });
  const logIn = () => verifyToken(pool, FACEBOOK, TOKEN, settings);

  it('is verified by Facebook, which is asked with the token of the app', async () => {
    answer({});
    expect(await logIn()).toBe('10215241773831025');
    const [{ query } = { query: new URLSearchParams() }] = provider.requests;
    expect(Object.fromEntries(query)).toEqual({ input_token: TOKEN, access_token: '1234|s3cret' });
  });

  it('is not verified again for a minute, unless its token expires earlier', async () => {
    answer({ expires_at: SECONDS + 30 });
    const { verify } = openVerifier(settings);
    const again = () => verify(poolWith(pool), FACEBOOK, TOKEN);
    await Promise.all([again(), again()]);
    now += 29_999;
    await again();
    expect(provider.requests.length).toBe(1);
    now += 1;
    await again();
    expect(provider.requests.length).toBe(2);
  });

  it('is rejected without asking Facebook again for half a minute after Facebook has rejected the token', async () => {
    answer({ is_valid: false });
    const { verify } = openVerifier(settings);
    const again = () => verify(poolWith(pool), FACEBOOK, TOKEN);
    for (const waited of [0, 29_999]) {
      now = NOW + waited;
      await expect(again()).rejects.toEqual(INVALID);
    }
    expect(provider.requests.length).toBe(1);
    answer({});
    now = NOW + 30_000;
    expect(await again()).toBe('10215241773831025');
  });

  it('is verified again after a failure of Facebook', async () => {
    const { verify } = openVerifier(settings);
    const again = () => verify(poolWith(pool), FACEBOOK, TOKEN);
    await expect(again()).rejects.toEqual(error('ExternalServiceException', expect.any(String)));
    answer({});
    expect(await again()).toBe('10215241773831025');
  });

  it('stays in the cache while many invalid tokens are rejected', async () => {
    answer({});
    const { verify } = openVerifier(settings);
    await verify(poolWith(pool), FACEBOOK, TOKEN);
    answer({ is_valid: false });
    for (let count = 0; count < 10_001; count += 1) {
      await expect(verify(poolWith(pool), FACEBOOK, `${TOKEN}${count}`)).rejects.toEqual(INVALID);
    }
    expect(await verify(poolWith(pool), FACEBOOK, TOKEN)).toBe('10215241773831025');
    await expect(verify(poolWith(pool), FACEBOOK, `${TOKEN}10000`)).rejects.toEqual(INVALID);
    expect(provider.requests.length).toBe(10_002);
  });

  it.each([
    ['is empty', ''],
    ['is short', 'ann'],
    ['has a space', 'EAAGm0PX4ZCpsB AKZ'],
    ['is too long for a URL', 'E'.repeat(4_097)],
    ['is not ASCII', `EAAGm0PX4ZCpsBAKü`],
  ])('is rejected without asking Facebook if it %s', async (_, token) => {
    await expect(verifyToken(pool, FACEBOOK, token, settings)).rejects.toEqual(INVALID);
    expect(provider.requests).toEqual([]);
  });

  it('waits while Facebook is asked about 50 other tokens', async () => {
    const answers: (() => void)[] = [];
    const { verify } = createLoginVerifier({
      settings: new Map(Object.entries(settings)),
      fetchJson: () =>
        new Promise((resolve) =>
          answers.push(() => resolve({ status: 200, body: { data: { is_valid: false } } })),
        ),
      now: () => now,
    });
    const logins = Array.from({ length: 51 }, (_, index) =>
      verify(poolWith(pool), FACEBOOK, `${TOKEN}${index}`).catch((rejection) => rejection),
    );
    await setImmediate();
    expect(answers.length).toBe(50);
    answers[0]?.();
    await logins[0];
    await setImmediate();
    expect(answers.length).toBe(51);
    for (const give of answers) give();
    expect(await Promise.all(logins)).toEqual(logins.map(() => INVALID));
  });

  it('may have a number as its user, as in early versions of the API', async () => {
    answer({ user_id: 1_207_059, expires_at: 0 });
    expect(await logIn()).toBe('1207059');
  });

  it.each([
    ['is invalid', { is_valid: false }, INVALID],
    ['was issued to another app', { app_id: '999' }, OTHER_CLIENT],
    [
      'has expired',
      { expires_at: SECONDS - 300, is_valid: false },
      notAuthorized(`Invalid login token. Token expired: ${SECONDS - 300} >= ${SECONDS - 300}`),
    ],
    [
      'is not a token of a user',
      { type: 'PAGE' },
      notAuthorized('Invalid login token. Not a valid OpenId Connect identity token.'),
    ],
  ])('is rejected if the token %s', async (_, changed, expected) => {
    answer(changed);
    await expect(logIn()).rejects.toEqual(expected);
  });

  const UNAVAILABLE = error('ExternalServiceException', expect.any(String));
  it.each([
    ['no user', { user_id: undefined }],
    ['a user that is not an id', { user_id: 'ann' }],
    ['a user that a double cannot hold', { user_id: 2 ** 60 }],
  ])('fails if Facebook answers with %s', async (_, changed) => {
    answer(changed);
    await expect(logIn()).rejects.toEqual(UNAVAILABLE);
  });

  it.each([
    [
      'about the token of another app',
      { code: 100, message: '(#100) The App_id in the input_token did not match the Viewing App' },
      OTHER_CLIENT,
    ],
    ['about an expired session', { code: 190, error_subcode: 463 }, INVALID],
    ['about a user who changed the password', { code: 102, error_subcode: 460 }, INVALID],
  ])('is rejected if Facebook answers with an error %s', async (_, body, expected) => {
    documents.set(DEBUG_TOKEN, { status: 400, body: { error: { type: 'OAuthException', ...body } } });
    await expect(logIn()).rejects.toEqual(expected);
  });

  const WRONG_APP =
    'Facebook rejected the app (error 190); check appId and appSecret of graph.facebook.com in LOGIN_PROVIDERS';
  it.each<[string, number, unknown, string]>([
    [
      'the secret of the app is wrong',
      400,
      { error: { code: 190, message: 'Invalid OAuth access token signature.' } },
      WRONG_APP,
    ],
    [
      'the app does not exist',
      400,
      { error: { code: 101, message: 'Error validating application.' } },
      WRONG_APP.replace('190', '101'),
    ],
    [
      'the app may not ask',
      400,
      { error: { code: 100, message: '(#100) You must provide an app access token' } },
      WRONG_APP.replace('190', '100'),
    ],
    ['Facebook is down', 400, { error: { code: 2 } }, 'Facebook answered 400 with error 2'],
    ['the app exceeded its limit', 403, { error: { code: 4 } }, 'Facebook answered 403 with error 4'],
    ['the answer has no error', 400, {}, 'Facebook answered 400 without an error code'],
    ['the answer is not an object', 200, [], 'Facebook answered 200 without an error code'],
  ])('fails if %s, and the reason is reported to the operator', async (_, status, body, reason) => {
    documents.set(DEBUG_TOKEN, { status, body });
    const report = vi.fn();
    const { fetchJson } = provider;
    const { verify } = createLoginVerifier({
      settings: new Map(Object.entries(settings)),
      fetchJson,
      now: () => now,
      report,
    });
    await expect(verify(poolWith(pool), FACEBOOK, TOKEN)).rejects.toEqual(UNAVAILABLE);
    expect(report.mock.calls).toEqual([[FACEBOOK, expect.objectContaining({ message: reason })]]);
  });

  it('cannot be verified without the secret of the pool’s app', async () => {
    const missing = error('InvalidIdentityPoolConfigurationException', expect.stringContaining('appSecret'));
    await expect(verifyToken(pool, FACEBOOK, TOKEN)).rejects.toEqual(missing);
    const ofOther = { [FACEBOOK]: { appId: '999', appSecret: 's3cret' } };
    await expect(verifyToken(pool, FACEBOOK, TOKEN, ofOther)).rejects.toEqual(missing);
    expect(provider.requests).toEqual([]);
  });

  it('may be a token of Limited Login, which needs no secret and identifies the same user', async () => {
    publishAt(FACEBOOK_KEYS);
    for (const iss of ['https://www.facebook.com', 'https://limited.facebook.com', 'https://facebook.com']) {
      expect(await verify(pool, FACEBOOK, { iss, aud: '1234', sub: '10215241773831025' })).toBe(
        '10215241773831025',
      );
    }
    await expect(verify(pool, FACEBOOK, { iss: 'https://www.facebook.com', aud: '999' })).rejects.toEqual(
      OTHER_CLIENT,
    );
  });
});

describe('a login of www.amazon.com', () => {
  const AMAZON = 'www.amazon.com';
  const TOKENINFO = 'https://api.amazon.com/auth/o2/tokeninfo';
  const PROFILE = 'https://api.amazon.com/user/profile';
  const TOKEN = 'Atza|IQEBLjAsAhRmHjNgHpi0U-Dme37rR6CuUpSR';
  const pool = { SupportedLoginProviders: { [AMAZON]: 'amzn1.application.1' } };
  const answer = (
    changed: object,
    profile: JsonResponse = { status: 200, body: { user_id: 'amzn1.account.A' } },
  ) => {
    const aud = 'amzn1.application-oa2-client.2';
    const body = {
      iss: 'https://www.amazon.com',
      aud,
      app_id: 'amzn1.application.1',
      exp: 3_597,
      ...changed,
    };
    documents.set(TOKENINFO, { status: 200, body }).set(PROFILE, profile);
  };
  const logIn = (of: Pool = pool) => verifyToken(of, AMAZON, TOKEN);

  it('is verified by Amazon for the app’s security profile id or client id', async () => {
    answer({});
    expect(await logIn()).toBe('amzn1.account.A');
    const [info, profile] = provider.requests;
    expect([info?.url, info?.query.get('access_token')]).toEqual([TOKENINFO, TOKEN]);
    expect(profile).toMatchObject({ url: PROFILE, authorization: `Bearer ${TOKEN}` });
    const withClientId = { SupportedLoginProviders: { [AMAZON]: 'amzn1.application-oa2-client.2' } };
    expect(await logIn(withClientId)).toBe('amzn1.account.A');
  });

  it.each([
    ['was issued to another app', { app_id: 'amzn1.application.9' }, OTHER_CLIENT],
    ['has no app', { app_id: undefined, aud: undefined }, OTHER_CLIENT],
    ['has expired', { exp: 0 }, INVALID],
    ['does not say when it expires', { exp: undefined }, INVALID],
  ])('is rejected if the token %s', async (_, changed, expected) => {
    answer(changed);
    await expect(logIn()).rejects.toEqual(expected);
    expect(provider.urls()).not.toContain(PROFILE);
  });

  it.each([
    ['has another prefix', 'Atzr|IQEBLjAsAhRmHjNgHpi0U-Dme37rR6CuUpSR'],
    ['is longer than Amazon’s tokens', `Atza|${'I'.repeat(2_044)}`],
    ['has a space', 'Atza|IQEBLjAs AhRmHjNg'],
    ['has only the prefix', 'Atza|'],
  ])('is rejected without asking Amazon if the token %s', async (_, token) => {
    await expect(verifyToken(pool, AMAZON, token)).rejects.toEqual(INVALID);
    expect(provider.requests).toEqual([]);
  });

  it.each(['invalid_token', 'invalid_request', 'insufficient_scope'])(
    'is rejected if Amazon answers with %s',
    async (code) => {
      documents.set(TOKENINFO, { status: 400, body: { error: code, error_description: 'x' } });
      await expect(logIn()).rejects.toEqual(INVALID);
      answer({}, { status: 401, body: { error: code } });
      await expect(logIn()).rejects.toEqual(INVALID);
    },
  );

  it('fails with ExternalServiceException if Amazon answers with an unexpected response', async () => {
    for (const profile of [
      { status: 200, body: {} },
      { status: 200, body: [] },
      { status: 403, body: { error: 'access_denied' } },
    ]) {
      answer({}, profile);
      await expect(logIn()).rejects.toEqual(error('ExternalServiceException', expect.any(String)));
    }
  });
});

describe('other providers', () => {
  it.each([
    ['api.twitter.com', { SupportedLoginProviders: { 'api.twitter.com': 'key;secret' } }, 'OAuth 1.0a'],
    ['www.digits.com', { SupportedLoginProviders: { 'www.digits.com': 'key;secret' } }, 'no longer exists'],
    [
      'arn:aws:iam::123456789012:saml-provider/Corp',
      { SamlProviderARNs: ['arn:aws:iam::123456789012:saml-provider/Corp'] },
      'SAML',
    ],
  ])('such as %s are rejected with the reason', async (name, pool, reason) => {
    await expect(verifyToken(pool, name, 'token;secret')).rejects.toEqual(
      notAuthorized(expect.stringMatching(`^Logins of ${name} are not supported here: .*${reason}`)),
    );
  });

  it('are described for operators', async () => {
    publishAt(APPLE_KEYS);
    const pool = {
      SupportedLoginProviders: {
        'appleid.apple.com': 'app',
        'accounts.google.com': 'app',
        'api.twitter.com': 'key;secret',
        'graph.facebook.com': '1234',
        'www.amazon.com': 'amzn1.application.1',
      },
      OpenIdConnectProviderARNs: [arn('login.example'), 'no arn'],
    };
    const settings = { 'graph.facebook.com': { appId: '1234', appSecret: 's3cret' } };
    expect(await openVerifier(settings).describe(poolWith(pool))).toEqual([
      {
        provider: 'accounts.google.com',
        state: 'keys unavailable',
        reason: 'www.googleapis.com does not exist',
      },
      {
        provider: 'api.twitter.com',
        state: 'not supported',
        reason: 'they are signed with OAuth 1.0a, which this service does not implement',
      },
      { provider: 'appleid.apple.com', state: 'keys available', reason: null },
      { provider: 'graph.facebook.com', state: 'verified by the provider', reason: null },
      { provider: 'login.example', state: 'not configured', reason: 'LOGIN_PROVIDERS has no clientIds' },
      { provider: 'www.amazon.com', state: 'verified by the provider', reason: null },
    ]);
    expect(
      await openVerifier().describe(poolWith({ SupportedLoginProviders: { 'graph.facebook.com': '1' } })),
    ).toEqual([
      {
        provider: 'graph.facebook.com',
        state: 'not configured',
        reason: 'LOGIN_PROVIDERS has no appSecret for the appId of this pool',
      },
    ]);
  });
});
