import { ServiceError } from '../common/errors.ts';

// The error texts are those of Amazon Cognito Identity unless a comment says otherwise.

export function guestsNotAllowed(): ServiceError {
  return notAuthorized('Unauthenticated access is not supported for this identity pool.');
}

/**
 * Returns the error for an identity that cannot be used without a login, can no longer be used, or does not exist. The
 * code is NotAuthorizedException even if the identity does not exist. After this code, SDK v2 for JavaScript and the
 * SDKs for iOS and Android discard a cached identity id; the SDK for .NET does so only if the message matches as well.
 * After ResourceNotFoundException, SDK v2 would keep the cached id, and the SDK for iOS would keep the id of a guest.
 * Source: the SDKs' credentials providers.
 */
export function identityForbidden(identityId: string): ServiceError {
  return notAuthorized(`Access to Identity '${identityId}' is forbidden.`);
}

export function loginsDoNotMatch(): ServiceError {
  return notAuthorized(
    "Logins don't match. Please include at least one valid login for this identity or identity pool.",
  );
}

export function invalidLoginToken(): ServiceError {
  return notAuthorized('Invalid login token.');
}

/**
 * The token was valid but has expired. This error has a class of its own because STS has a separate error code for
 * expired tokens.
 */
export class ExpiredLoginTokenError extends ServiceError {
  override name = 'ExpiredLoginTokenError';

  constructor(times = '.') {
    super('NotAuthorizedException', `Invalid login token. Token expired${times}`);
  }
}

/** The token is not a JWT, or not the JWT of a user. */
export function notAnIdentityToken(): ServiceError {
  return notAuthorized('Invalid login token. Not a valid OpenId Connect identity token.');
}

/** The signature is invalid, has an algorithm that is not accepted, or was made with an unknown key. */
export function signatureNotVerified(): ServiceError {
  return notAuthorized("Invalid login token. Couldn't verify signed token.");
}

export function issuerDoesNotMatch(): ServiceError {
  return notAuthorized("Invalid login token. Issuer doesn't match providerName");
}

export function missingClaim(name: string): ServiceError {
  return notAuthorized(`Invalid login token. Missing a required claim: ${name}`);
}

/**
 * @param earliest the earliest accepted end of a token, in epoch seconds
 * @param exp the end of the token
 */
export function loginTokenExpired(earliest: number, exp: number): ServiceError {
  return new ExpiredLoginTokenError(`: ${earliest} >= ${exp}`);
}

/** The text is this project's own. */
export function loginTokenNotYetValid(): ServiceError {
  return notAuthorized('Invalid login token. Token is not valid yet.');
}

/** The pool does not accept the provider, or the token was issued to a client that the pool does not accept. */
export function unsupportedToken(): ServiceError {
  return notAuthorized('Token is not from a supported provider of this identity pool.');
}

/** The pool accepts the provider, but this service cannot verify its tokens. The text is this project's own. */
export function unsupportedProvider(provider: string, reason: string): ServiceError {
  return notAuthorized(`Logins of ${provider} are not supported here: ${reason}.`);
}

/** The text is this project's own. */
export function providerUnavailable(provider: string): ServiceError {
  return new ServiceError(
    'ExternalServiceException',
    `The login provider ${provider} did not respond as expected; try again later.`,
  );
}

/** The text is this project's own. */
export function loginNotConfigured(provider: string, missing: string): ServiceError {
  return new ServiceError(
    'InvalidIdentityPoolConfigurationException',
    `Logins of ${provider} cannot be verified: LOGIN_PROVIDERS must have its ${missing}.`,
  );
}

/** A client sent the name of the developer provider. */
export function developerProviderIsNotPublic(): ServiceError {
  return new ServiceError('InvalidParameterException', 'Please provide a valid public provider');
}

/** The text is this project's own. */
export function secondLoginOfProvider(): ServiceError {
  return new ServiceError(
    'ResourceConflictException',
    'An identity can be linked to only one login of a public provider.',
  );
}

/** The text is this project's own. */
export function tooManyLogins(limit: number): ServiceError {
  return new ServiceError(
    'ResourceConflictException',
    `An identity can be linked to at most ${limit} logins.`,
  );
}

function notAuthorized(message: string): ServiceError {
  return new ServiceError('NotAuthorizedException', message);
}

/** Returns the error for an unknown pool. Unlike the same error of Cognito Sync, the message ends with a full stop. */
export function poolNotFound(identityPoolId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `IdentityPool '${identityPoolId}' not found.`);
}

/** The text is this project's own. */
export function developerUserNotFound(): ServiceError {
  return new ServiceError('ResourceNotFoundException', 'The identity pool has no such developer user.');
}

/** The text is this project's own. */
export function developerUserConflict(): ServiceError {
  return new ServiceError(
    'ResourceConflictException',
    'The developer user identifier does not belong to this identity.',
  );
}

export function identityNotFound(identityId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `Identity '${identityId}' not found.`);
}
