import { ServiceError } from '../common/errors.ts';

// The error texts are those of Amazon Cognito Identity unless a comment says otherwise.

export function guestsNotAllowed(): ServiceError {
  return notAuthorized('Unauthenticated access is not supported for this identity pool.');
}

/**
 * The identity cannot be used without a login, cannot be used any more, or does not exist. After this error code
 * (NotAuthorizedException), SDK v2 for JavaScript and the SDKs for iOS and Android discard a cached identity id. The
 * SDK for .NET compares the message as well. After ResourceNotFoundException, SDK v2 keeps the cached id. The SDK for
 * iOS keeps the id of a guest. Source: the SDKs' credentials providers.
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

/** A token that was valid but has expired. STS has a separate error code for expired tokens. */
export class ExpiredLoginTokenError extends ServiceError {
  override name = 'ExpiredLoginTokenError';

  constructor() {
    super('NotAuthorizedException', 'Invalid login token. Token expired.');
  }
}

/** The text is this project's own. Cognito has no such error, because it verifies the tokens of public providers. */
export function loginsNotVerified(): ServiceError {
  return notAuthorized(
    'Logins of other providers are not verified here and therefore not accepted; log users in through a backend with GetOpenIdTokenForDeveloperIdentity.',
  );
}

/** The text is this project's own. */
export function developerProviderIsNotPublic(): ServiceError {
  return notAuthorized(
    'Logins of the developer provider are not accepted from clients; send the token of GetOpenIdTokenForDeveloperIdentity as a login of cognito-identity.amazonaws.com.',
  );
}

function notAuthorized(message: string): ServiceError {
  return new ServiceError('NotAuthorizedException', message);
}

/** The text is that of Amazon Cognito Identity. It ends with a full stop, unlike the text of Cognito Sync. */
export function poolNotFound(identityPoolId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `IdentityPool '${identityPoolId}' not found.`);
}

/** The text is that of Amazon Cognito Identity. */
export function identityNotFound(identityId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `Identity '${identityId}' not found.`);
}
