import { ServiceError } from './errors.ts';

/** The signer of a request. A developer may access all identities of the account, and an identity only itself. */
export type Caller =
  | { kind: 'developer'; accountId: string }
  | { kind: 'identity'; identityPoolId: string; identityId: string };

/**
 * Rejects identities: operations on a whole pool are for developers only.
 * @throws {ServiceError} NotAuthorizedException
 */
export function authorizeDeveloper(caller: Caller): void {
  if (caller.kind !== 'developer') throw notAuthorized();
}

/** Returns the error for a caller that may not access the resource. The text is Amazon's. */
export function notAuthorized(): ServiceError {
  return new ServiceError(
    'NotAuthorizedException',
    'These credentials are not valid for accessing this resource',
  );
}
