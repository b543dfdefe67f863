import { ServiceError } from '../common/errors.ts';

// The texts are the service's own where nothing else is said.

export function guestsNotAllowed(): ServiceError {
  return notAuthorized('Unauthenticated access is not supported for this identity pool.');
}

/** Without a login the identity is not, or no longer, to be had. */
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

/** A token that was valid. STS has an error of its own for it. */
export class ExpiredLoginTokenError extends ServiceError {
  override name = 'ExpiredLoginTokenError';

  constructor() {
    super('NotAuthorizedException', 'Invalid login token. Token expired.');
  }
}

/** The text is ours: Cognito verifies the tokens of public providers. */
export function loginsNotVerified(): ServiceError {
  return notAuthorized(
    'Logins of other providers are not verified here, and so not accepted. A backend can log its users in with GetOpenIdTokenForDeveloperIdentity.',
  );
}

/** The text is ours. */
export function developerProviderIsNotPublic(): ServiceError {
  return notAuthorized(
    'Users of the developer provider log in with the token of GetOpenIdTokenForDeveloperIdentity, as a login of cognito-identity.amazonaws.com.',
  );
}

function notAuthorized(message: string): ServiceError {
  return new ServiceError('NotAuthorizedException', message);
}

/** The text is the service's own, with a full stop that Cognito Sync does not have. */
export function poolNotFound(identityPoolId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `IdentityPool '${identityPoolId}' not found.`);
}

/** The text is the service's own. */
export function identityNotFound(identityId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `Identity '${identityId}' not found.`);
}
