import { createLocalJWKSet, type JSONWebKeySet, type LocalJWKSet } from 'jose';
import { isObject } from '../../common/json.ts';
import { type FetchJson, ProviderUnavailableError } from '../ports/fetch-json.ts';

/** Where the keys of a provider are: at a known address, or at the address in the issuer's discovery document. */
export type KeySource = { jwksUri: string } | { discoveryUri: string; issuers: readonly string[] };

/** The keys of a provider, for people who operate the service. */
export interface KeySetStatus {
  /** The address of the keys, or of the discovery document. */
  source: string;
  /** The number of usable keys; 0 if none were ever loaded. */
  keys: number;
  /** Epoch milliseconds at which the keys were loaded; null if none were ever loaded. */
  loadedAt: number | null;
  /** Why the last attempt to load keys failed; null if the attempt succeeded. */
  lastError: string | null;
}

/**
 * The signal of each method ends the wait of one caller. The keys continue to load, because other callers may wait for
 * them too, and later callers need them.
 */
export interface KeySets {
  /**
   * Returns a provider's keys. Loads them if none are cached or if they are old. While they cannot be loaded, old keys
   * remain in use.
   * @throws {ProviderUnavailableError} no keys were ever loaded, and they cannot be loaded now
   */
  current(source: KeySource, signal: AbortSignal): Promise<LocalJWKSet>;
  /**
   * Returns keys that were loaded after `known`, which lacks the key of a token. Returns null if the provider may not
   * be asked again yet.
   * @throws {ProviderUnavailableError} newer keys could not be loaded
   */
  newerThan(known: LocalJWKSet, source: KeySource, signal: AbortSignal): Promise<LocalJWKSet | null>;
  status(): KeySetStatus[];
}

interface KeySetOptions {
  fetchJson: FetchJson;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  /** Time limit for loading keys, including the discovery document. */
  timeoutMs: number;
}

/** Age at which keys are loaded again in the background. It is the default of `jose`. */
const REFRESH_MS = 10 * 60 * 1000;
/**
 * If keys are older, a login waits until they are loaded again, so that a key that the provider withdrew is not
 * trusted.
 */
const MAX_AGE_MS = 60 * 60 * 1000;
/** Minimum time between two attempts to refresh keys, and between two attempts because of an unknown key id. */
const PAUSE_MS = 30_000;

/** Minimum time between two attempts to load keys that were never loaded. */
const FIRST_PAUSE_MS = 5_000;

interface KeySet {
  keys: LocalJWKSet | null;
  loadedAt: number;
  attemptedAt: number;
  /** When the keys were last loaded because a token had an unknown key id. */
  unknownAt: number;
  loading: Promise<LocalJWKSet> | null;
  lastError: string | null;
}

/** Creates the cache of the providers' keys. Of concurrent requests for the same keys, only one loads them. */
export function createKeySets({ fetchJson, now, timeoutMs }: KeySetOptions): KeySets {
  const sets = new Map<string, KeySet>();

  function setOf(source: KeySource): KeySet {
    const set = sets.get(addressOf(source)) ?? {
      keys: null,
      loadedAt: Number.NEGATIVE_INFINITY,
      attemptedAt: Number.NEGATIVE_INFINITY,
      unknownAt: Number.NEGATIVE_INFINITY,
      loading: null,
      lastError: null,
    };
    sets.set(addressOf(source), set);
    return set;
  }

  function load(set: KeySet, source: KeySource, signal: AbortSignal): Promise<LocalJWKSet> {
    set.loading ??= loadNow(set, source).finally(() => {
      set.loading = null;
    });
    return waitFor(set.loading, source, signal);
  }

  /**
   * Loads keys that were never loaded. For `FIRST_PAUSE_MS` after a failed attempt, fails immediately: otherwise each
   * login would wait for a provider that does not respond, and would send it another request.
   */
  async function loadFirst(set: KeySet, source: KeySource, signal: AbortSignal): Promise<LocalJWKSet> {
    const isPaused = set.loading === null && now() - set.attemptedAt < FIRST_PAUSE_MS;
    if (isPaused && set.lastError !== null) throw new ProviderUnavailableError(set.lastError);
    return load(set, source, signal);
  }

  async function loadNow(set: KeySet, source: KeySource): Promise<LocalJWKSet> {
    set.attemptedAt = now();
    try {
      const keys = await fetchKeys(source, fetchJson, AbortSignal.timeout(timeoutMs));
      Object.assign(set, { keys, loadedAt: now(), lastError: null });
      return keys;
    } catch (error) {
      if (error instanceof ProviderUnavailableError) set.lastError = error.message;
      throw error;
    }
  }

  return {
    async current(source, signal) {
      const set = setOf(source);
      const { keys } = set;
      if (keys === null) return loadFirst(set, source, signal);
      const age = now() - set.loadedAt;
      if (age < REFRESH_MS || now() - set.attemptedAt < PAUSE_MS) return keys;
      const refreshed = load(set, source, signal).catch(() => keys);
      return age < MAX_AGE_MS ? keys : refreshed;
    },

    async newerThan(known, source, signal) {
      const set = setOf(source);
      if (set.keys !== known && set.keys !== null) return set.keys;
      if (set.loading !== null) return load(set, source, signal);
      if (now() - set.unknownAt >= PAUSE_MS) {
        set.unknownAt = now();
        return load(set, source, signal);
      }
      if (set.lastError !== null) throw new ProviderUnavailableError(set.lastError);
      return null;
    },

    status: () => [...sets].map(([source, set]) => statusOf(source, set)),
  };
}

function statusOf(source: string, { keys, loadedAt, lastError }: KeySet): KeySetStatus {
  return {
    source,
    keys: keys?.jwks().keys.length ?? 0,
    loadedAt: keys === null ? null : loadedAt,
    lastError,
  };
}

/** @throws {ProviderUnavailableError} the keys did not load, or the signal was aborted before */
async function waitFor(
  loading: Promise<LocalJWKSet>,
  source: KeySource,
  signal: AbortSignal,
): Promise<LocalJWKSet> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = () =>
    reject(new ProviderUnavailableError(`${hostOf(addressOf(source))} did not respond in time`));
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([loading, ended]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** Returns the address that an operator knows: that of the keys, or of the discovery document that leads to them. */
function addressOf(source: KeySource): string {
  return 'jwksUri' in source ? source.jwksUri : source.discoveryUri;
}

async function fetchKeys(source: KeySource, fetchJson: FetchJson, signal: AbortSignal): Promise<LocalJWKSet> {
  const jwksUri = 'jwksUri' in source ? source.jwksUri : await discover(source, fetchJson, signal);
  const { status, body } = await fetchJson(jwksUri, { signal });
  const host = hostOf(jwksUri);
  if (status !== 200) throw new ProviderUnavailableError(`${host} answered ${status} instead of keys`);
  if (!hasSignatureKeys(body)) throw new ProviderUnavailableError(`${host} answered without usable keys`);
  try {
    return createLocalJWKSet(body);
  } catch {
    throw new ProviderUnavailableError(`${host} answered with malformed keys`);
  }
}

/** Reads the address of an issuer's keys. Source: OpenID Connect Discovery 1.0, sections 4.2 and 4.3. */
async function discover(
  { discoveryUri, issuers }: { discoveryUri: string; issuers: readonly string[] },
  fetchJson: FetchJson,
  signal: AbortSignal,
): Promise<string> {
  const { status, body } = await fetchJson(discoveryUri, { signal });
  const host = hostOf(discoveryUri);
  if (status !== 200) {
    throw new ProviderUnavailableError(`${host} answered ${status} instead of a discovery document`);
  }
  if (!isObject(body) || typeof body.jwks_uri !== 'string') {
    throw new ProviderUnavailableError(`the discovery document of ${host} has no jwks_uri`);
  }
  if (!isIssuer(body.issuer, issuers)) {
    throw new ProviderUnavailableError(`the discovery document of ${host} names another issuer`);
  }
  return body.jwks_uri;
}

/**
 * Whether the value is one of the issuers. A slash at the end makes no difference: some providers have it in their
 * tokens, but the key in `Logins` and the URL of an IAM OIDC provider do not.
 */
export function isIssuer(value: unknown, issuers: readonly string[]): boolean {
  return typeof value === 'string' && issuers.includes(value.replace(/\/$/, ''));
}

/** Whether the document has a key that can verify signatures. The other keys, such as those for encryption, are ignored. */
function hasSignatureKeys(body: unknown): body is JSONWebKeySet {
  if (!isObject(body) || !Array.isArray(body.keys)) return false;
  return body.keys.some((key: unknown) => isObject(key) && (key.kty === 'RSA' || key.kty === 'EC'));
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? 'an invalid address';
}
