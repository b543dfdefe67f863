import { decodeJwt, errors, type JWTPayload } from 'jose';
import { ServiceError } from '../../common/errors.ts';
import type { SigningKeys } from '../../common/signed-text.ts';
import { createOpenIdTokens, type OpenedOpenIdToken } from '../open-id-token.ts';
import type { FetchJson } from '../ports/fetch-json.ts';
import { createKeySets } from './key-sets.ts';
import { GRACE_SECONDS, verifyClaims } from './verify-jwt.ts';

/**
 * How OpenID tokens of an origin are verified: with the published keys of their issuer, as for Amazon, or with the secret
 * token keys of another instance of this service.
 */
export type OriginTokenKeys = { issuer: string; jwksUri: string } | { secrets: SigningKeys };

/** Time limit for loading keys. */
const TIMEOUT_MS = 4_500;

/**
 * Creates the function that opens OpenID tokens of an origin. The tokens have the form of Amazon's: `sub` is the identity,
 * `aud` its pool, and the first value of `amr` says whether the identity was authenticated. Source: developer guide of
 * Cognito, "Getting credentials"; the signature (RS512) and the address of Amazon's keys were seen in several public
 * projects.
 *
 * @param fetchJson loads published keys
 * @param now returns the current time in epoch milliseconds
 */
export function createOriginTokens({ fetchJson, now }: { fetchJson: FetchJson; now: () => number }) {
  const keySets = createKeySets({ fetchJson, now, timeoutMs: TIMEOUT_MS });

  /** @throws {ProviderUnavailableError} the keys that could verify the token cannot be loaded */
  return async (keys: OriginTokenKeys, identityPoolId: string, token: string): Promise<OpenedOpenIdToken> => {
    if ('secrets' in keys) return createOpenIdTokens({ keys: keys.secrets, now }).open(token);
    const { exp } = readUnverified(token);
    if (typeof exp === 'number' && now() / 1000 - GRACE_SECONDS >= exp) return { state: 'expired' };
    const provider = {
      kind: 'jwt',
      issuers: [keys.issuer],
      audiences: [identityPoolId],
      keys: { jwksUri: keys.jwksUri },
    } as const;
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      return read(await verifyClaims(token, provider, { keySets, now, signal }), identityPoolId);
    } catch (error) {
      if (error instanceof ServiceError) return { state: 'invalid' };
      throw error;
    }
  };
}

function read(claims: JWTPayload & { sub: string }, identityPoolId: string): OpenedOpenIdToken {
  const { sub: identityId, amr, iat, exp = 0 } = claims;
  if (!Array.isArray(amr) || iat === undefined) return { state: 'invalid' };
  return {
    state: 'valid',
    identity: { identityPoolId, identityId },
    isAuthenticated: amr[0] === 'authenticated',
    issuedAt: iat * 1000,
    expiresAt: exp,
  };
}

/** Returns the claims of a token that is not verified; none if the text is not a JWT. */
export function readUnverified(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return {};
    throw error;
  }
}
