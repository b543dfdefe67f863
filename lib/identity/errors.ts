import { ServiceError } from '../common/errors.ts';

// The texts are the service's own unless noted otherwise.

export function guestsNotAllowed(): ServiceError {
  return notAuthorized('Unauthenticated access is not supported for this identity pool.');
}

/**
 * The identity cannot be used without a login, cannot be used any more, or does not exist. With this code, SDK v2 for
 * JavaScript, iOS and Android discard a cached identity id; .NET compares the text as well. After
 * ResourceNotFoundException, SDK v2 keeps the id, and so does iOS for a guest. Source: the SDKs' credentials providers.
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

/** A token that was valid but has expired. STS has an error of its own for it. */
export class ExpiredLoginTokenError extends ServiceError {
  override name = 'ExpiredLoginTokenError';

  constructor() {
    super('NotAuthorizedException', 'Invalid login token. Token expired.');
  }
}

/** The text is ours: Cognito verifies the tokens of public providers. */
export function loginsNotVerified(): ServiceError {
  return notAuthorized(
    'Logins of other providers are not verified here and therefore not accepted; log users in through a backend with GetOpenIdTokenForDeveloperIdentity.',
  );
}

/** The text is ours. */
export function developerProviderIsNotPublic(): ServiceError {
  return notAuthorized(
    'Logins of the developer provider are not accepted from clients; send the token of GetOpenIdTokenForDeveloperIdentity as a login of cognito-identity.amazonaws.com.',
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
