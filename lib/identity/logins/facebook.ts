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
  if (appSecret === undefined) throw loginNotConfigured('graph.facebook.com', 'appId and appSecret');
  const query = new URLSearchParams({ input_token: token, access_token: `${appId}|${appSecret}` });
  const { status, body } = await fetchJson(`${endpoint}/debug_token?${query}`, { signal });
  const data = isObject(body) && isObject(body.data) ? body.data : null;
  if (status !== 200 || data === null) {
    throw new ProviderUnavailableError(
      `Facebook answered ${status} to debug_token; check appId and appSecret in LOGIN_PROVIDERS`,
    );
  }
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

/** Facebook's ids are texts of digits. Early versions of the API sent them as numbers. */
function userOf(userId: unknown): string {
  const text = Number.isSafeInteger(userId) ? String(userId) : userId;
  if (typeof text === 'string' && /^\d{1,40}$/.test(text)) return text;
  throw new ProviderUnavailableError('Facebook answered without a user id');
}
