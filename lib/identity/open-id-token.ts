import type { IdentityKey } from '../common/dataset-key.ts';
import { isObject } from '../common/json.ts';
import { createSigner, type SigningKeys } from '../common/signed-text.ts';

const PURPOSE = ['open id token'];
const ISSUER = 'https://cognito-identity.amazonaws.com';
const HEADER = toPart({ alg: 'HS256', typ: 'JWT' });
const AUTHENTICATED = 'authenticated';
const UNAUTHENTICATED = 'unauthenticated';
// Maximum length of a token. Any token that this service issues is shorter: it has at most ten providers of 128
// characters. The limit prevents callers from making this service hash long texts.
const MAX_LENGTH = 8_192;

/** The longest lifetime of a token. Source: API reference of Cognito Identity, GetOpenIdTokenForDeveloperIdentity. */
export const MAX_TOKEN_DURATION_SECONDS = 24 * 60 * 60;

/** The content of a token. */
export interface ValidOpenIdToken {
  state: 'valid';
  identity: IdentityKey;
  isAuthenticated: boolean;
  /** Epoch milliseconds. */
  issuedAt: number;
  /** Epoch seconds. */
  expiresAt: number;
}

export type OpenedOpenIdToken = ValidOpenIdToken | { state: 'expired' } | { state: 'invalid' };

export interface OpenIdTokens {
  /**
   * @param providers the providers whose logins were presented; empty for a guest
   * @param durationSeconds how long the token is valid
   * @param notAfter epoch seconds at which the token expires at the latest, even if `durationSeconds` ends later
   */
  issue(
    identity: IdentityKey,
    providers: readonly string[],
    durationSeconds: number,
    notAfter?: number,
  ): string;
  open(token: string): OpenedOpenIdToken;
}

/**
 * Issues and opens tokens that name their bearer's identity. The tokens have the form and the claims of Cognito's
 * OpenID tokens. Only this service can verify them: they are signed with a secret, and there is no public key.
 *
 * @param keys the keys that also sign datasets' session tokens; a purpose in the signed text
 *   distinguishes the two kinds of token
 */
export function createOpenIdTokens({ keys, now }: { keys: SigningKeys; now: () => number }): OpenIdTokens {
  const signer = createSigner(keys);

  return {
    issue({ identityPoolId, identityId }, providers, durationSeconds, notAfter = Number.POSITIVE_INFINITY) {
      const issuedAt = now();
      const iat = Math.floor(issuedAt / 1000);
      const claims = {
        sub: identityId,
        aud: identityPoolId,
        iss: ISSUER,
        amr: providers.length === 0 ? [UNAUTHENTICATED] : [AUTHENTICATED, ...providers],
        iat,
        // This project's own addition. Seconds are too coarse to tell whether a login was unlinked before or after the
        // token was issued.
        iat_ms: issuedAt,
        exp: Math.min(iat + durationSeconds, notAfter),
      };
      const content = `${HEADER}.${toPart(claims)}`;
      return `${content}.${signer.signatureOf(content, PURPOSE)}`;
    },

    open(token) {
      if (token.length > MAX_LENGTH) return { state: 'invalid' };
      const [header, payload = '', signature = '', ...more] = token.split('.');
      const isOurs =
        header === HEADER &&
        more.length === 0 &&
        signer.isSignatureOf(signature, `${header}.${payload}`, PURPOSE);
      return isOurs ? read(payload, now()) : { state: 'invalid' };
    },
  };
}

function read(payload: string, now: number): OpenedOpenIdToken {
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
  if (!isObject(claims)) return { state: 'invalid' };
  const { sub, aud, amr, iat, iat_ms: issuedAt = Number(iat) * 1000, exp } = claims;
  if (typeof sub !== 'string' || typeof aud !== 'string' || !Array.isArray(amr)) return { state: 'invalid' };
  const expiresAt = Number(exp);
  if (now >= expiresAt * 1000) return { state: 'expired' };
  const identity = { identityPoolId: aud, identityId: sub };
  return {
    state: 'valid',
    identity,
    isAuthenticated: amr[0] === AUTHENTICATED,
    issuedAt: Number(issuedAt),
    expiresAt,
  };
}

function toPart(content: object): string {
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}
