import type { LoginProviders } from '../../common/login-providers.ts';
import { createSemaphore } from '../../common/semaphore.ts';
import { loginNotConfigured, providerUnavailable, unsupportedProvider, unsupportedToken } from '../errors.ts';
import type { IdentityPoolDescription } from '../model.ts';
import { type FetchJson, ProviderUnavailableError } from '../ports/fetch-json.ts';
import type { VerifyLogin } from '../ports/verify-login.ts';
import { checkAmazonToken, verifyAmazonToken } from './amazon.ts';
import { checkFacebookToken, verifyFacebookToken } from './facebook.ts';
import { findProvider, type Provider, providersOf } from './find-provider.ts';
import { createKeySets, type KeySetStatus } from './key-sets.ts';
import { createVerifiedTokens, type OpaqueUser } from './verified-tokens.ts';
import { verifyJwt } from './verify-jwt.ts';

/** A provider that a pool accepts, and whether its tokens can be verified now. */
export interface ProviderState {
  provider: string;
  state:
    | 'keys available'
    | 'keys unavailable'
    | 'verified by the provider'
    | 'not configured'
    | 'not supported';
  /** Why tokens cannot be verified; null if they can. */
  reason: string | null;
}

export interface LoginVerifier {
  verify: VerifyLogin;
  /** Describes the providers that a pool accepts. Loads keys that are not cached. */
  describe(pool: IdentityPoolDescription): Promise<ProviderState[]>;
  /** Returns the state of the keys that were needed so far. */
  keySets(): KeySetStatus[];
}

interface LoginVerifierOptions {
  settings: LoginProviders;
  fetchJson: FetchJson;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  /** Called whenever a login fails because its provider is unavailable. The error's message says why. */
  report?: (provider: string, error: ProviderUnavailableError) => void;
  /** Time limit for all requests to a provider on behalf of one login. */
  timeoutMs?: number;
}

/** Leaves half a second for the rest of a request, so that clients get the answer within five seconds. */
const TIMEOUT_MS = 4_500;

/**
 * Maximum number of tokens about which a provider is asked at the same time. Further logins wait. One source address
 * cannot use up this limit, because `createTurns` in lib/wire allows each address fewer requests at the same time.
 */
const MAX_ASKED = 50;

/**
 * Creates the verification of tokens of public login providers. The pool's settings decide which providers are
 * accepted; addresses come from these settings and from LOGIN_PROVIDERS, never from a token.
 */
export function createLoginVerifier({
  settings,
  fetchJson,
  now,
  report = () => undefined,
  timeoutMs = TIMEOUT_MS,
}: LoginVerifierOptions): LoginVerifier {
  const keySets = createKeySets({ fetchJson, now, timeoutMs });
  const verifiedTokens = createVerifiedTokens(now);
  const turns = createSemaphore({
    max: Number.POSITIVE_INFINITY,
    maxPerOwner: MAX_ASKED,
    refusal: () => new ProviderUnavailableError(`${MAX_ASKED} earlier tokens still wait for an answer`),
    now,
  });

  /** @param signal aborts when the login has taken `timeoutMs` */
  async function verifyWith(
    provider: Provider,
    key: string,
    token: string,
    signal: AbortSignal,
  ): Promise<string> {
    const opaque = (ask: () => Promise<OpaqueUser>) =>
      verifiedTokens(JSON.stringify([key, provider]), token, async () => {
        const free = await turns.acquire(key, timeoutMs);
        return ask().finally(free);
      });
    switch (provider.kind) {
      case 'jwt':
        return verifyJwt(token, provider, { keySets, now, signal });
      case 'facebook':
        if (isJwt(token)) return verifyJwt(token, provider.limited, { keySets, now, signal });
        checkFacebookToken(token, provider);
        return opaque(() => verifyFacebookToken(token, provider, { fetchJson, now, signal }));
      case 'amazon':
        checkAmazonToken(token);
        return opaque(() => verifyAmazonToken(token, provider, { fetchJson, now, signal }));
      case 'unsupported':
        throw unsupportedProvider(key, provider.reason);
      case 'not configured':
        throw loginNotConfigured(key, provider.missing);
    }
  }

  async function describe(provider: Provider | null): Promise<Omit<ProviderState, 'provider'>> {
    switch (provider?.kind) {
      case 'jwt':
        return keySets.current(provider.keys, AbortSignal.timeout(timeoutMs)).then(
          () => ({ state: 'keys available', reason: null }),
          (error: unknown) => ({ state: 'keys unavailable', reason: reasonOf(error) }),
        );
      case 'facebook':
        return provider.appSecret === undefined
          ? { state: 'not configured', reason: 'LOGIN_PROVIDERS has no appSecret for the appId of this pool' }
          : { state: 'verified by the provider', reason: null };
      case 'amazon':
        return { state: 'verified by the provider', reason: null };
      case 'not configured':
        return { state: 'not configured', reason: `LOGIN_PROVIDERS has no ${provider.missing}` };
      default:
        return { state: 'not supported', reason: provider?.reason ?? null };
    }
  }

  return {
    async verify(pool, key, token) {
      const provider = findProvider(pool, key, settings);
      if (provider === null) throw unsupportedToken();
      try {
        return await verifyWith(provider, key, token, AbortSignal.timeout(timeoutMs));
      } catch (error) {
        if (!(error instanceof ProviderUnavailableError)) throw error;
        report(key, error);
        throw providerUnavailable(key);
      }
    },

    describe: (pool) =>
      Promise.all(
        providersOf(pool).map(async (key) => ({
          provider: key,
          ...(await describe(findProvider(pool, key, settings))),
        })),
      ),

    keySets: () => keySets.status(),
  };
}

/**
 * Returns whether a Facebook token is a JWT, as the tokens of Limited Login are. Facebook's access tokens contain no
 * dots.
 */
function isJwt(token: string): boolean {
  return token.split('.').length === 3;
}

function reasonOf(error: unknown): string {
  if (error instanceof ProviderUnavailableError) return error.message;
  throw error;
}
