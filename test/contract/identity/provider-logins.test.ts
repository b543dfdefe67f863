import { createServer, type RequestListener } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createProviderFetch } from '../../../lib/aws/provider-fetch.ts';
import type { LoginProviderSettings } from '../../../lib/common/login-providers.ts';
import { loopbackOrigins } from '../../../lib/common/read-login-settings.ts';
import type { Database } from '../../../lib/database/database.ts';
import { createLoginVerifier } from '../../../lib/identity/logins/verify-logins.ts';
import type { Logins } from '../../../lib/identity/model.ts';
import { listen } from '../../fixtures/aws/kinesis-emulator.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { createIdentityService, type IdentityService } from '../../fixtures/identity/identity-service.ts';
import { CLIENT_ID, type OidcServer, startOidcServer } from '../../fixtures/identity/oidc-server.ts';

const KEY = 'login.example';
const POOL = { OpenIdConnectProviderARNs: [`arn:aws:iam::000000000000:oidc-provider/${KEY}`] };
const MINUTE = 60_000;

const NOT_VERIFIED = expect.objectContaining({
  code: 'NotAuthorizedException',
  message: "Invalid login token. Couldn't verify signed token.",
});
const UNAVAILABLE = expect.objectContaining({ code: 'ExternalServiceException' });

describe('logins of real providers', () => {
  let database: Database;
  let service: IdentityService;
  let IdentityPoolId: string;
  /** The clock of the verification, which starts at the time of this machine. */
  let later: number;

  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());

  async function openService(settings: Record<string, LoginProviderSettings>, pool: object = POOL) {
    later = 0;
    const providers = new Map(Object.entries(settings));
    const verifier = createLoginVerifier({
      settings: providers,
      fetchJson: createProviderFetch({ loopbackOrigins: loopbackOrigins(providers) }),
      now: () => Date.now() + later,
    });
    service = createIdentityService(database, { verifyLogin: verifier.verify });
    IdentityPoolId = await service.newIdentityPool(pool);
    return verifier;
  }
  const getId = async (Logins: Logins) =>
    (await service.operations.GetId({ IdentityPoolId, Logins })).IdentityId;
  const signIn = async (IdentityId: string, Logins: Logins) =>
    (await service.operations.GetCredentialsForIdentity({ IdentityId, Logins })).IdentityId;

  describe('of an OpenID Connect provider', () => {
    let provider: OidcServer;

    beforeEach(async () => {
      provider = await startOidcServer();
      await openService({ [KEY]: { issuer: provider.issuer, clientIds: [CLIENT_ID] } });
    });
    afterEach(() => provider.close());

    const logIn = async (user: string): Promise<Logins> => ({ [KEY]: await provider.logIn(user) });

    it('identify a user on every device', async () => {
      const ann = await getId(await logIn('ann'));
      expect(await signIn(ann, await logIn('ann'))).toBe(ann);
      expect(await getId(await logIn('bob'))).not.toBe(ann);
      expect(provider.requests).toEqual(['/.well-known/openid-configuration', '/jwks']);
    });

    it('are accepted while the provider rotates its keys and devices log in', async () => {
      const before = await logIn('ann');
      const ann = await getId(before);
      for (let rotation = 1; rotation <= 3; rotation += 1) {
        await provider.rotateKeys();
        const devices = await Promise.all(['ann', 'ann', 'bob', 'ann'].map(logIn));
        const ids = await Promise.all(devices.map(getId));
        expect(ids.filter((id) => id === ann).length).toBe(3);
        expect(await signIn(ann, before)).toBe(ann);
        later += 30_000;
      }
      // Two requests at the start and for each of the three rotations, although four devices logged in concurrently.
      expect(provider.requests.length).toBe(8);
    });

    it('are rejected after the provider has withdrawn their key', async () => {
      const before = await logIn('ann');
      const ann = await getId(before);
      await provider.rotateKeys({ withdrawOld: true });
      expect(await signIn(ann, await logIn('ann'))).toBe(ann);
      await expect(signIn(ann, before)).rejects.toEqual(NOT_VERIFIED);
    });

    it('are accepted while the provider is down for ten minutes; only tokens signed with a new key cannot be verified', async () => {
      const cached = await logIn('ann');
      const ann = await getId(cached);
      await provider.rotateKeys();
      const withNewKey = await logIn('ann');
      await provider.pause();
      for (let minute = 0; minute <= 10; minute += 1) {
        expect(await signIn(ann, cached)).toBe(ann);
        const startedAt = Date.now();
        await expect(signIn(ann, withNewKey)).rejects.toEqual(UNAVAILABLE);
        expect(Date.now() - startedAt).toBeLessThan(10_000);
        later += MINUTE;
      }
      await provider.resume();
      expect(await signIn(ann, withNewKey)).toBe(ann);
    });

    it('can be verified at most five seconds after the provider is up, if it was down at the first login', async () => {
      const ann = await logIn('ann');
      await provider.pause();
      await expect(getId(ann)).rejects.toEqual(UNAVAILABLE);
      await provider.resume();
      // The provider is not asked again immediately, so that many logins do not become many requests.
      await expect(getId(ann)).rejects.toEqual(UNAVAILABLE);
      later += 5_000;
      await getId(ann);
    });
  });

  describe('of a provider that misbehaves', () => {
    /** Starts a provider whose discovery document and keys come from the listeners. */
    async function startProvider(discovery: RequestListener, keys: RequestListener): Promise<string> {
      const server = createServer((request, response) =>
        (request.url === '/jwks' ? keys : discovery)(request, response),
      );
      const issuer = await listen(server);
      onTestFinished(async () => {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      });
      return issuer;
    }
    const json =
      (body: unknown, status = 200): RequestListener =>
      (_, response) => {
        response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
      };
    /** Returns a token in which only the signature is invalid, so the provider's keys are needed to reject it. */
    function tokenOf(issuer: string): Logins {
      const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url');
      const claims = { iss: issuer, sub: 'ann', aud: CLIENT_ID, exp: Date.now() / 1000 + 600 };
      return { [KEY]: `${part({ alg: 'RS256', kid: 'k' })}.${part(claims)}.c2lnbmF0dXJl` };
    }

    it.each<[string, (origin: () => string) => [RequestListener, RequestListener], string]>([
      ['is slow', () => [() => undefined, json({})], 'did not respond in time'],
      [
        'is slow with its keys',
        (origin) => [
          (request, response) => json({ issuer: origin(), jwks_uri: `${origin()}/jwks` })(request, response),
          () => undefined,
        ],
        'did not respond in time',
      ],
      [
        'redirects',
        () => [
          (_, response) => response.writeHead(302, { location: 'https://login.example' }).end(),
          json({}),
        ],
        'answered 302',
      ],
      ['has an internal error', () => [json({}, 500), json({})], 'answered 500'],
      ['answers with HTML', () => [json('<!doctype html>'), json({})], 'not JSON'],
      ['answers with 10 MB', () => [json(`"${'x'.repeat(10_000_000)}"`), json({})], 'more than 262144 bytes'],
      [
        'has an empty key set',
        (origin) => [
          (request, response) => json({ issuer: origin(), jwks_uri: `${origin()}/jwks` })(request, response),
          json({ keys: [] }),
        ],
        'without usable keys',
      ],
      [
        'names another issuer',
        (origin) => [
          (request, response) =>
            json({ issuer: 'https://evil.example', jwks_uri: `${origin()}/jwks` })(request, response),
          json({}),
        ],
        'names another issuer',
      ],
      [
        'names a private address for its keys',
        (origin) => [
          (request, response) =>
            json({ issuer: origin(), jwks_uri: 'https://10.0.0.1/jwks' })(request, response),
          json({}),
        ],
        'has an address that is not public',
      ],
      [
        'names another port of this machine for its keys',
        (origin) => [
          (request, response) =>
            json({ issuer: origin(), jwks_uri: 'http://127.0.0.1:1/jwks' })(request, response),
          json({}),
        ],
        'not an https address',
      ],
    ])('fail within seconds if it %s', async (_, listenersOf, reason) => {
      let issuer = '';
      const [discovery, keys] = listenersOf(() => issuer);
      issuer = await startProvider(discovery, keys);
      const verifier = await openService({ [KEY]: { issuer, clientIds: [CLIENT_ID] } });
      const startedAt = Date.now();
      await expect(getId(tokenOf(issuer))).rejects.toEqual(UNAVAILABLE);
      expect(Date.now() - startedAt).toBeLessThan(10_000);
      // The login may fail before the attempt to load the keys does: other logins may still wait for that attempt.
      await vi.waitFor(() =>
        expect(verifier.keySets()).toMatchObject([{ keys: 0, lastError: expect.stringContaining(reason) }]),
      );
    });
  });

  describe('of Facebook and Login with Amazon', () => {
    const FACEBOOK = 'graph.facebook.com';
    const AMAZON = 'www.amazon.com';
    const ANN = 'EAA10215241773831025';

    /** Starts a server that answers as the documentation of Facebook and of Login with Amazon describes. */
    async function startApis(): Promise<string> {
      const server = createServer((request, response) => {
        const { pathname, searchParams } = new URL(request.url ?? '', 'http://127.0.0.1');
        const send = (status: number, body: object) => response.writeHead(status).end(JSON.stringify(body));
        const token = searchParams.get('input_token') ?? searchParams.get('access_token') ?? '';
        const [, user = ''] = /^(?:EAA|Atza\|)(\w+)$/.exec(token) ?? [];
        if (pathname === '/debug_token') {
          if (searchParams.get('access_token') !== '1234|s3cret') {
            return send(400, { error: { message: 'Invalid OAuth access token.', code: 190 } });
          }
          const data =
            user === ''
              ? { error: { code: 190, message: 'Malformed access token' }, is_valid: false, scopes: [] }
              : { app_id: '1234', type: 'USER', is_valid: true, expires_at: 0, scopes: [], user_id: user };
          return send(200, { data });
        }
        const bearer = /^Bearer Atza\|(\w+)$/.exec(request.headers.authorization ?? '');
        if (pathname === '/user/profile' && bearer)
          return send(200, { user_id: `amzn1.account.${bearer[1]}` });
        if (pathname === '/auth/o2/tokeninfo' && user !== '') {
          const app = { aud: 'amzn1.application-oa2-client.2', app_id: 'amzn1.application.1' };
          return send(200, { iss: 'https://www.amazon.com', ...app, exp: 3_597, iat: 1_311_280_970 });
        }
        send(400, { error: 'invalid_token', error_description: 'The access token is invalid' });
      });
      const origin = await listen(server);
      onTestFinished(async () => {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      });
      return origin;
    }

    it('are verified by these providers, and link and merge identities like any other login', async () => {
      const endpoint = await startApis();
      const SupportedLoginProviders = { [FACEBOOK]: '1234', [AMAZON]: 'amzn1.application.1' };
      await openService(
        { [FACEBOOK]: { appId: '1234', appSecret: 's3cret', endpoint }, [AMAZON]: { endpoint } },
        { SupportedLoginProviders },
      );
      const ann = await getId({ [FACEBOOK]: ANN });
      expect(await getId({ [FACEBOOK]: ANN })).toBe(ann);
      expect(await getId({ [FACEBOOK]: ANN, [AMAZON]: 'Atza|ann' })).toBe(ann);
      expect(await getId({ [AMAZON]: 'Atza|ann' })).toBe(ann);
      const invalid = expect.objectContaining({ message: 'Invalid login token.' });
      await expect(getId({ [FACEBOOK]: ANN, [AMAZON]: 'Atza|-' })).rejects.toEqual(invalid);
      await expect(signIn(ann, { [FACEBOOK]: 'forged-forged-forged' })).rejects.toEqual(invalid);
    });

    it('fail as unavailable, not as invalid, if the secret of the app is wrong', async () => {
      const endpoint = await startApis();
      await openService(
        { [FACEBOOK]: { appId: '1234', appSecret: 'other', endpoint } },
        { SupportedLoginProviders: { [FACEBOOK]: '1234' } },
      );
      await expect(getId({ [FACEBOOK]: ANN })).rejects.toEqual(UNAVAILABLE);
    });
  });
});
