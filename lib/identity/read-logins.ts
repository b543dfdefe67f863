import { ServiceError } from '../common/errors.ts';
import { isStorable } from '../common/text.ts';
import { invalidParameter } from '../sync/errors.ts';
import type { IdentityDependencies } from './dependencies.ts';
import {
  developerProviderIsNotPublic,
  ExpiredLoginTokenError,
  invalidLoginToken,
  loginsNotVerified,
} from './errors.ts';
import type { Login } from './identity-store.ts';
import type { IdentityPoolDescription, Logins } from './model.ts';
import type { OpenIdTokens } from './open-id-token.ts';
import { userOfToken } from './user-of-token.ts';

/** The provider whose tokens are our own. */
const OWN_PROVIDER = 'cognito-identity.amazonaws.com';

/** Who somebody has shown to be. */
export interface ShownLogins {
  /** The identity that one of our own tokens names. */
  proven: string | null;
  logins: Login[];
}

/**
 * What a client shows: tokens by provider.
 * @throws {ServiceError} NotAuthorizedException: a token that is not valid, or of a provider whose users cannot log in
 *   like this; InvalidParameterException: no provider can have that name
 */
export function readPublicLogins(
  { openIdTokens, logins: worth }: Pick<IdentityDependencies, 'openIdTokens' | 'logins'>,
  { IdentityPoolId, DeveloperProviderName }: IdentityPoolDescription,
  given: Logins = {},
): ShownLogins {
  const { [OWN_PROVIDER]: ownToken, ...others } = given;
  if (DeveloperProviderName !== undefined && Object.hasOwn(given, DeveloperProviderName)) {
    throw developerProviderIsNotPublic();
  }
  if (worth === 'refused' && Object.keys(others).length > 0) throw loginsNotVerified();
  return {
    proven: ownToken === undefined ? null : openOwnToken(openIdTokens, ownToken, IdentityPoolId),
    logins: Object.entries(others).map(toLogin),
  };
}

/** A guest's token says who it is, but shows no login. */
function openOwnToken(openIdTokens: OpenIdTokens, token: string, identityPoolId: string): string {
  const opened = openIdTokens.open(token);
  if (opened.state === 'expired') throw new ExpiredLoginTokenError();
  const isProof =
    opened.state === 'valid' && opened.isAuthenticated && opened.identity.identityPoolId === identityPoolId;
  if (!isProof) throw invalidLoginToken();
  return opened.identity.identityId;
}

/**
 * What a developer's backend says of a user of its own: the user's id by the name of the developer provider, and tokens
 * by public providers, for which it vouches.
 *
 * @returns the developer's own login first
 * @throws {ServiceError} InvalidParameterException: no login of the developer provider, or a provider that is none;
 *   NotAuthorizedException: a token is empty
 */
export function readDeveloperLogins(pool: IdentityPoolDescription, given: Logins): [Login, ...Login[]] {
  const provider = developerProviderOf(pool);
  const { [provider]: userId, ...others } = given;
  if (userId === undefined || !Object.hasOwn(given, provider)) {
    throw new ServiceError(
      'InvalidParameterException',
      `Logins must have a user of the identity pool's developer provider '${provider}'.`,
    );
  }
  if (Object.hasOwn(others, OWN_PROVIDER)) {
    throw new ServiceError('InvalidParameterException', `'${OWN_PROVIDER}' is no public provider.`);
  }
  return [developerLogin(provider, userId, 'logins'), ...Object.entries(others).map(toLogin)];
}

/** @throws {ServiceError} InvalidParameterException: the pool has none */
export function developerProviderOf({ DeveloperProviderName }: IdentityPoolDescription): string {
  if (DeveloperProviderName === undefined) {
    throw new ServiceError('InvalidParameterException', 'The identity pool has no DeveloperProviderName.');
  }
  return DeveloperProviderName;
}

/**
 * @param path of the member that has the user's id
 * @throws {ServiceError} InvalidParameterException: there can be no such user
 */
export function developerLogin(provider: string, userId: string, path: string): Login {
  if (userId === '' || !isStorable(userId)) {
    throw invalidParameter(path, 'Member must not be empty and must not hold NUL or lone surrogates');
  }
  return { provider, userId };
}

function toLogin([provider, token]: [string, string]): Login {
  if (provider === '' || !isStorable(provider)) {
    throw invalidParameter('logins', 'Map keys must not be empty and must not hold NUL or lone surrogates');
  }
  return { provider, userId: userOfToken(token) };
}
