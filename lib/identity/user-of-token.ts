import { hash } from 'node:crypto';
import { isObject } from '../common/json.ts';
import { isStorable } from '../common/text.ts';
import { invalidLoginToken } from './errors.ts';
import type { VerifyLogin } from './ports/verify-login.ts';

/** Three parts in base64url. The last part may be empty, as in an unsigned token. */
const JWT = /^[\w-]+\.([\w-]+)\.[\w-]*$/;

/** Accepts any token of any provider without verification. */
export const trustLogin: VerifyLogin = async (_pool, _provider, token) => userOfToken(token);

/**
 * Returns the user id of a provider's token. For a JWT, the user id is the `sub` claim, which is not verified. For any
 * other token, the user id is the hash of the token's text. The same token therefore always means the same user, and
 * the token itself is not stored.
 *
 * @throws {ServiceError} NotAuthorizedException if the token is empty
 */
export function userOfToken(token: string): string {
  if (token === '') throw invalidLoginToken();
  return subjectOf(token) ?? hash('sha256', token, 'hex');
}

/** Returns null if the token is not a JWT, or has no `sub` that can be stored. */
function subjectOf(token: string): string | null {
  const payload = JWT.exec(token)?.[1];
  const claims = payload === undefined ? null : parse(Buffer.from(payload, 'base64url').toString());
  if (!isObject(claims) || typeof claims.sub !== 'string') return null;
  return claims.sub !== '' && isStorable(claims.sub) ? claims.sub : null;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
