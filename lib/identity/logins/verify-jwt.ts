import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify, type LocalJWKSet } from 'jose';
import { isStorable } from '../../common/text.ts';
import {
  issuerDoesNotMatch,
  loginTokenExpired,
  loginTokenNotYetValid,
  missingClaim,
  notAnIdentityToken,
  signatureNotVerified,
  unsupportedToken,
} from '../errors.ts';
import { isIssuer, type KeySets, type KeySource } from './key-sets.ts';

/** A provider whose tokens are signed: OpenID Connect ID tokens. */
export interface JwtProvider {
  kind: 'jwt';
  /** The accepted values of `iss`, without a slash at the end. */
  issuers: readonly string[];
  /** The client ids to which a token may have been issued. */
  audiences: readonly string[];
  keys: KeySource;
}

/**
 * The accepted signatures: RSA, which Amazon documents, and the ECDSA signatures that OpenID Connect providers use as
 * well. HMAC is not accepted, because an attacker could use the published key as its secret. Source: developer guide of
 * Cognito, "OIDC providers".
 */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];

/** Tolerance for clocks that differ. Source: developer guide of Cognito, "OIDC providers". */
export const GRACE_SECONDS = 5 * 60;

/** Maximum length of a token. Source: API model of Cognito Identity, the values of `Logins`. */
const MAX_LENGTH = 50_000;

/**
 * Verifies an ID token. Checks the claims first, because a token that fails these checks needs no keys.
 *
 * @param signal ends the wait for keys
 * @returns the user's id at the provider, the claim `sub`
 * @throws {ServiceError} NotAuthorizedException if the token is invalid
 * @throws {ProviderUnavailableError} the keys that could verify the token cannot be loaded
 */
export async function verifyJwt(token: string, provider: JwtProvider, deps: JwtDeps): Promise<string> {
  return (await verifyClaims(token, provider, deps)).sub;
}

interface JwtDeps {
  keySets: KeySets;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  signal: AbortSignal;
}

/** Verifies an ID token as `verifyJwt` does, and returns all claims. `exp` is always a number. */
export async function verifyClaims(
  token: string,
  { issuers, audiences, keys: source }: JwtProvider,
  { keySets, now, signal }: JwtDeps,
): Promise<JWTPayload & { sub: string }> {
  const claims = readClaims(token);
  checkIssuerAndAudience(claims, issuers, audiences);
  checkTimes(claims, Math.floor(now() / 1000));
  const { sub } = claims;
  if (typeof sub !== 'string' || sub === '' || !isStorable(sub)) throw missingClaim('sub');
  const keys = await keySets.current(source, signal);
  if (!(await isSignedBy(keys, token, now()))) {
    const newer = await keySets.newerThan(keys, source, signal);
    if (newer === null || !(await isSignedBy(newer, token, now()))) throw signatureNotVerified();
  }
  return { ...claims, sub };
}

/** Returns the claims of a token whose signature is not yet verified. */
function readClaims(token: string): JWTPayload {
  if (token.length > MAX_LENGTH) throw notAnIdentityToken();
  try {
    const { alg } = decodeProtectedHeader(token);
    const claims = decodeJwt(token);
    if (alg === undefined || !ALGORITHMS.includes(alg)) throw signatureNotVerified();
    return claims;
  } catch (error) {
    throw error instanceof errors.JOSEError || error instanceof TypeError ? notAnIdentityToken() : error;
  }
}

/**
 * Checks that `iss` is one of the provider's issuers, and that the client is one of the accepted client ids. The client
 * is `azp` if the token has this claim, otherwise `aud`. If a token without `azp` has several audiences, it does not
 * say to which of them it was issued.
 */
function checkIssuerAndAudience(
  { iss, aud, azp }: JWTPayload,
  issuers: readonly string[],
  audiences: readonly string[],
): void {
  if (!isIssuer(iss, issuers)) throw issuerDoesNotMatch();
  const [audience, ...others] = [aud ?? []].flat();
  if (audience === undefined) throw missingClaim('aud');
  const client = azp ?? (others.length === 0 ? audience : undefined);
  if (typeof client !== 'string' || !audiences.includes(client)) throw unsupportedToken();
}

function checkTimes({ exp, iat, nbf }: JWTPayload, now: number): void {
  if (typeof exp !== 'number') throw missingClaim('exp');
  if (now - GRACE_SECONDS >= exp) throw loginTokenExpired(now - GRACE_SECONDS, exp);
  for (const start of [iat, nbf]) {
    if (start === undefined) continue;
    if (typeof start !== 'number' || start > now + GRACE_SECONDS) throw loginTokenNotYetValid();
  }
}

/**
 * Whether one of the keys signed the token.
 *
 * @returns false if the keys do not include the key that the token names
 * @throws {ServiceError} NotAuthorizedException if the signature is invalid
 */
async function isSignedBy(keys: LocalJWKSet, token: string, now: number): Promise<boolean> {
  try {
    const options = { algorithms: ALGORITHMS, clockTolerance: GRACE_SECONDS, currentDate: new Date(now) };
    await jwtVerify(token, keys, options);
    return true;
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return false;
    throw signatureNotVerified();
  }
}
