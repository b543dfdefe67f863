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

  constructor() {
    super('NotAuthorizedException', 'Invalid login token. Token expired.');
  }
}

/** The text is this project's own. Cognito has no such error, because it verifies the tokens of public providers. */
export function loginsNotVerified(): ServiceError {
  return notAuthorized(
    'This service accepts only logins of cognito-identity.amazonaws.com, because it does not verify the tokens of other providers; log users in through a backend with GetOpenIdTokenForDeveloperIdentity.',
  );
}

/** The text is this project's own. */
export function developerProviderIsNotPublic(): ServiceError {
  return notAuthorized(
    'Logins of the developer provider are not accepted from clients; send the token of GetOpenIdTokenForDeveloperIdentity as a login of cognito-identity.amazonaws.com.',
  );
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
