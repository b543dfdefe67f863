import { invalidParameter, ServiceError } from '../common/errors.ts';
import { isStorable } from '../common/text.ts';
import type { IdentityDependencies } from './dependencies.ts';
import { developerProviderIsNotPublic, ExpiredLoginTokenError, invalidLoginToken } from './errors.ts';
import type { IdentityPoolDescription, Logins } from './model.ts';
import type { OpenedOpenIdToken, ValidOpenIdToken } from './open-id-token.ts';
import type { Login } from './ports/identity-store.ts';
import type { VerifyLogin } from './ports/verify-login.ts';

/** The provider name of the OpenID tokens that this service and the origin issue. */
export const OWN_PROVIDER = 'cognito-identity.amazonaws.com';

/** The logins that a request presents. */
export interface PresentedLogins {
  /**
   * The identity named in the OpenID token that the client presents, which this service or the origin of a migration has
   * issued; null if the client presents no such token.
   */
  proven: string | null;
  /** When that token was issued, epoch milliseconds; null if the client presents no such token. */
  provenAt: number | null;
  logins: Login[];
  /** Epoch seconds at which that OpenID token expires; undefined if the client presents no such token. */
  tokenExpiresAt: number | undefined;
  /** Whether the origin of a migration issued that OpenID token. */
  isProvenByOrigin: boolean;
  /** The tokens that can be presented to the origin of a migration: all except those that this service issued. */
  forOrigin: Logins;
}

/**
 * Reads the logins that a client presents, a map from provider names to tokens. The tokens are verified concurrently;
 * if one of them is invalid, so is the whole request.
 *
 * @throws {ServiceError} NotAuthorizedException if a token is invalid; InvalidParameterException if a provider name is
 *   invalid, or is that of the developer provider; the errors of `verifyLogin`
 */
export async function readPublicLogins(
  dependencies: Pick<IdentityDependencies, 'openIdTokens' | 'verifyLogin' | 'origin'>,
  pool: IdentityPoolDescription,
  given: Logins = {},
): Promise<PresentedLogins> {
  const { IdentityPoolId, DeveloperProviderName } = pool;
  const { [OWN_PROVIDER]: ownToken, ...others } = given;
  if (DeveloperProviderName !== undefined && Object.hasOwn(given, DeveloperProviderName)) {
    throw developerProviderIsNotPublic();
  }
  const own = ownToken === undefined ? null : await openOwnToken(dependencies, ownToken, IdentityPoolId);
  const isProvenByOrigin = own?.isOfOrigin ?? false;
  return {
    proven: own?.identity.identityId ?? null,
    provenAt: own?.issuedAt ?? null,
    logins: await verifyLogins(dependencies.verifyLogin, pool, others),
    tokenExpiresAt: own?.expiresAt,
    isProvenByOrigin,
    forOrigin: isProvenByOrigin ? given : others,
  };
}

/**
 * Opens an OpenID token that this service or the origin of a migration issued.
 * @returns `isOfOrigin`: whether the origin issued it
 */
export async function openToken(
  { openIdTokens, origin }: Pick<IdentityDependencies, 'openIdTokens' | 'origin'>,
  token: string,
): Promise<OpenedOpenIdToken & { isOfOrigin: boolean }> {
  const opened = openIdTokens.open(token);
  if (opened.state !== 'invalid') return { ...opened, isOfOrigin: false };
  return { ...(await origin.openToken(token)), isOfOrigin: true };
}

/** Opens a token that proves an identity. Rejects a guest's token: it names the guest, but proves no login. */
async function openOwnToken(
  dependencies: Pick<IdentityDependencies, 'openIdTokens' | 'origin'>,
  token: string,
  identityPoolId: string,
): Promise<ValidOpenIdToken & { isOfOrigin: boolean }> {
  const opened = await openToken(dependencies, token);
  if (opened.state === 'expired') throw new ExpiredLoginTokenError();
  const isProof =
    opened.state === 'valid' && opened.isAuthenticated && opened.identity.identityPoolId === identityPoolId;
  if (!isProof) throw invalidLoginToken();
  return opened;
}

/**
 * Reads the logins that a developer's backend sends for one of its users. The map contains the user's id under the name
 * of the developer provider. The map may also contain tokens of public providers. These tokens are verified like those of
 * a client.
 *
 * @returns the logins; the login of the developer provider comes first
 * @throws {ServiceError} InvalidParameterException if `given` has no user of the developer provider, or a provider is
 *   invalid; NotAuthorizedException if a token is invalid; the errors of `verifyLogin`
 */
export async function readDeveloperLogins(
  { verifyLogin }: Pick<IdentityDependencies, 'verifyLogin'>,
  pool: IdentityPoolDescription,
  given: Logins,
): Promise<[Login, ...Login[]]> {
  const provider = developerProviderOf(pool);
  const { [provider]: userId, ...others } = given;
  if (userId === undefined || !Object.hasOwn(given, provider)) {
    throw new ServiceError(
      'InvalidParameterException',
      `Logins must include a user of the identity pool's developer provider '${provider}'.`,
    );
  }
  if (Object.hasOwn(others, OWN_PROVIDER)) {
    throw new ServiceError(
      'InvalidParameterException',
      `Logins must not include '${OWN_PROVIDER}': it is not a public provider.`,
    );
  }
  return [developerLogin(provider, userId, 'logins'), ...(await verifyLogins(verifyLogin, pool, others))];
}

/**
 * Returns the name of the pool's developer provider.
 * @throws {ServiceError} InvalidParameterException if the pool has no developer provider
 */
export function developerProviderOf({ DeveloperProviderName }: IdentityPoolDescription): string {
  if (DeveloperProviderName === undefined) {
    throw new ServiceError('InvalidParameterException', 'The identity pool has no DeveloperProviderName.');
  }
  return DeveloperProviderName;
}

/**
 * Returns the name of the pool's developer provider, which the request must name.
 * @throws {ServiceError} InvalidParameterException if the pool has no developer provider or another one
 */
export function checkDeveloperProvider(
  pool: IdentityPoolDescription,
  { DeveloperProviderName }: { DeveloperProviderName: string },
): string {
  const provider = developerProviderOf(pool);
  if (DeveloperProviderName !== provider) {
    throw new ServiceError(
      'InvalidParameterException',
      `DeveloperProviderName must be that of the identity pool, '${provider}'.`,
    );
  }
  return provider;
}

/**
 * Returns a login of the developer provider.
 * @param path the input member that contains the user's id, for the error message
 * @throws {ServiceError} InvalidParameterException if the user's id is invalid
 */
export function developerLogin(provider: string, userId: string, path: string): Login {
  if (userId === '' || !isStorable(userId)) {
    throw invalidParameter(path, 'Member must not be empty and must not hold NUL or lone surrogates');
  }
  return { provider, userId };
}

function verifyLogins(
  verifyLogin: VerifyLogin,
  pool: IdentityPoolDescription,
  given: Logins,
): Promise<Login[]> {
  const providers = Object.keys(given);
  if (!providers.every((provider) => provider !== '' && isStorable(provider))) {
    throw invalidParameter('logins', 'Map keys must not be empty and must not hold NUL or lone surrogates');
  }
  return Promise.all(
    Object.entries(given).map(async ([provider, token]) => ({
      provider,
      userId: await verifyLogin(pool, provider, token),
    })),
  );
}
