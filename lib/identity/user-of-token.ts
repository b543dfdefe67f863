import { hash } from 'node:crypto';
import { isObject } from '../common/json.ts';
import { isStorable } from '../common/text.ts';
import { invalidLoginToken } from './errors.ts';

/** Three parts in base64url, of which the last may be empty: an unsigned token. */
const JWT = /^[\w-]+\.([\w-]+)\.[\w-]*$/;

/**
 * Whose a provider's token is: the `sub` of one in the form of a JWT, which is not verified; of any other the hash of its
 * text, so that the same token is the same user and the token itself is kept nowhere.
 *
 * @throws {ServiceError} NotAuthorizedException: it is empty
 */
export function userOfToken(token: string): string {
  if (token === '') throw invalidLoginToken();
  return subjectOf(token) ?? hash('sha256', token, 'hex');
}

/** Null where there is none, or none that can be stored. */
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
