import type { ServiceError } from '../../common/errors.ts';
import { isObject } from '../../common/json.ts';
import {
  invalidLoginToken,
  loginNotConfigured,
  loginTokenExpired,
  notAnIdentityToken,
  unsupportedToken,
} from '../errors.ts';
import { type FetchJson, ProviderUnavailableError } from '../ports/fetch-json.ts';
import type { OpaqueUser } from './verified-tokens.ts';
import { GRACE_SECONDS, type JwtProvider } from './verify-jwt.ts';

export interface FacebookProvider {
  kind: 'facebook';
  /** The app's id, from the pool's settings. */
  appId: string;
  /** The app's secret; undefined if LOGIN_PROVIDERS does not have the secret of this app. */
  appSecret: string | undefined;
  /** The address of the Graph API, without a slash at the end. */
  endpoint: string;
  /** Limited Login of the SDK for iOS, whose tokens are JWTs of the same users. */
  limited: JwtProvider;
}

/**
 * The characters of bearer tokens in OAuth 2.0, and `|`, which Facebook uses in tokens of apps. Facebook documents no
 * length, so the limits are this project's own; longer tokens do not fit into a URL. Source: RFC 6750, section 2.1.
 */
const TOKEN = /^[\w.~+/=|-]{16,4096}$/;

/**
 * Rejects what cannot be an access token of Facebook, so that the service does not ask Facebook about it.
 * @throws {ServiceError} NotAuthorizedException if the token has another form; InvalidIdentityPoolConfigurationException
 *   if the app's secret is not configured
 */
export function checkFacebookToken(token: string, { appSecret }: FacebookProvider): void {
  if (appSecret === undefined) throw appNotConfigured();
  if (!TOKEN.test(token)) throw invalidLoginToken();
}

const appNotConfigured = () => loginNotConfigured('graph.facebook.com', 'appId and appSecret');

/**
 * Asks Facebook to whom it issued an access token. Facebook answers only with an access token of the same app, so the
 * app's secret is required. Source: Facebook, "Graph API: debug_token", and "Access Tokens: Debugging".
 *
 * @throws {ServiceError} NotAuthorizedException if the token is invalid or was issued to another app;
 *   InvalidIdentityPoolConfigurationException if the app's secret is not configured
 * @throws {ProviderUnavailableError} Facebook cannot be asked
 */
export async function verifyFacebookToken(
  token: string,
  { appId, appSecret, endpoint }: FacebookProvider,
  { fetchJson, now, signal }: { fetchJson: FetchJson; now: () => number; signal: AbortSignal },
): Promise<OpaqueUser> {
  if (appSecret === undefined) throw appNotConfigured();
  const query = new URLSearchParams({ input_token: token, access_token: `${appId}|${appSecret}` });
  const { status, body } = await fetchJson(`${endpoint}/debug_token?${query}`, { signal });
  const data = isObject(body) && isObject(body.data) ? body.data : null;
  if (status !== 200 || data === null) throw readError(status, isObject(body) ? body.error : null);
  const seconds = Math.floor(now() / 1000);
  const expiresAt = Number(data.expires_at ?? 0);
  if (expiresAt !== 0 && seconds - GRACE_SECONDS >= expiresAt) {
    throw loginTokenExpired(seconds - GRACE_SECONDS, expiresAt);
  }
  if (data.is_valid !== true) throw invalidLoginToken();
  if (String(data.app_id) !== appId) throw unsupportedToken();
  // Tokens of pages and apps have other types.
  if (data.type !== undefined && data.type !== 'USER') throw notAnIdentityToken();
  return { userId: userOf(data.user_id), expiresAt: expiresAt === 0 ? null : expiresAt * 1000 };
}

/** Codes of temporary failures: downtime and limits. Source: Facebook, "Graph API: Handle Errors" and "Rate Limits". */
const TEMPORARY = new Set([1, 2, 4, 17, 32, 341, 613]);

/**
 * Converts an error of debug_token to an error of this service. If the user's token is invalid, Facebook says so in a
 * successful response, so most errors concern the access token of the app. Two kinds of errors concern the user's
 * token. One names `input_token`, because another app issued the token. The other has the subcode of a user's session,
 * and the app's token has no session. Source: Facebook, "Graph API: Handle Errors"; the recorded responses of
 * bk-rs/facebook-rs.
 */
function readError(status: number, error: unknown): ServiceError | ProviderUnavailableError {
  if (!isObject(error) || typeof error.code !== 'number') {
    return new ProviderUnavailableError(`Facebook answered ${status} without an error code`);
  }
  const { code } = error;
  if (code === 100 && String(error.message).includes('input_token')) return unsupportedToken();
  if ((code === 190 || code === 102) && Number(error.error_subcode) > 0) return invalidLoginToken();
  if (TEMPORARY.has(code)) {
    return new ProviderUnavailableError(`Facebook answered ${status} with error ${code}`);
  }
  return new ProviderUnavailableError(
    `Facebook rejected the app (error ${code}); check appId and appSecret of graph.facebook.com in LOGIN_PROVIDERS`,
  );
}

/** Facebook's ids are texts of digits. Early versions of the API sent them as numbers. */
function userOf(userId: unknown): string {
  const text = Number.isSafeInteger(userId) ? String(userId) : userId;
  if (typeof text === 'string' && /^\d{1,40}$/.test(text)) return text;
  throw new ProviderUnavailableError('Facebook answered without a user id');
}
