import { isObject } from '../../common/json.ts';
import { isStorable } from '../../common/text.ts';
import { invalidLoginToken, unsupportedToken } from '../errors.ts';
import { type FetchJson, type JsonResponse, ProviderUnavailableError } from '../ports/fetch-json.ts';
import type { OpaqueUser } from './verified-tokens.ts';

/** Login with Amazon. */
export interface AmazonProvider {
  kind: 'amazon';
  /** Ids of the app: its security profile id, its client id, or both. */
  appIds: readonly string[];
  /** The address of the API, without a slash at the end. */
  endpoint: string;
}

/** Source: Login with Amazon, "Access Token". */
const TOKEN = /^Atza\|[\x21-\x7e]{1,2043}$/;

/**
 * Rejects what cannot be an access token of Amazon, so that the service does not ask Amazon about it.
 * @throws {ServiceError} NotAuthorizedException if the token has another form
 */
export function checkAmazonToken(token: string): void {
  if (!TOKEN.test(token)) throw invalidLoginToken();
}

/**
 * Asks Amazon to which app and to which user it issued an access token. Source: Login with Amazon, "Obtain Customer
 * Profile Information".
 *
 * @throws {ServiceError} NotAuthorizedException if the token is invalid or was issued to another app
 * @throws {ProviderUnavailableError} Amazon cannot be asked
 */
export async function verifyAmazonToken(
  token: string,
  { appIds, endpoint }: AmazonProvider,
  { fetchJson, now, signal }: { fetchJson: FetchJson; now: () => number; signal: AbortSignal },
): Promise<OpaqueUser> {
  const query = new URLSearchParams({ access_token: token });
  const info = readAnswer(await fetchJson(`${endpoint}/auth/o2/tokeninfo?${query}`, { signal }));
  // A pool has the security profile id (`app_id`); pools from before 2023 have the client id (`aud`).
  if (![info.app_id, info.aud].some((id) => typeof id === 'string' && appIds.includes(id))) {
    throw unsupportedToken();
  }
  // `exp` is the number of seconds for which the token is still valid.
  const seconds = Number(info.exp);
  if (!(seconds > 0)) throw invalidLoginToken();
  const authorization = `Bearer ${token}`;
  const profile = readAnswer(await fetchJson(`${endpoint}/user/profile`, { signal, authorization }));
  const { user_id: userId } = profile;
  if (typeof userId !== 'string' || userId === '' || !isStorable(userId)) {
    throw new ProviderUnavailableError('Amazon answered without a user id');
  }
  return { userId, expiresAt: now() + seconds * 1000 };
}

/**
 * Errors that the token causes: it is invalid, or does not have the scope `profile`. Source: Login with Amazon, "Obtain
 * Customer Profile Information".
 */
const INVALID_TOKEN = new Set(['invalid_token', 'invalid_request', 'insufficient_scope']);

/** @throws {ServiceError} NotAuthorizedException if Amazon answered that the token is invalid */
function readAnswer({ status, body }: JsonResponse): Readonly<Record<string, unknown>> {
  if (!isObject(body)) throw new ProviderUnavailableError('Amazon answered without a JSON object');
  if (status === 200) return body;
  if (INVALID_TOKEN.has(String(body.error))) throw invalidLoginToken();
  throw new ProviderUnavailableError(`Amazon answered ${status}`);
}
