import { ServiceError } from '../common/errors.ts';

/** The text is the service's own, with a full stop that Cognito Sync does not have. */
export function poolNotFound(identityPoolId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `IdentityPool '${identityPoolId}' not found.`);
}

/** The text is the service's own. */
export function identityNotFound(identityId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `Identity '${identityId}' not found.`);
}
