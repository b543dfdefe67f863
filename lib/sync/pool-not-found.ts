import { ServiceError } from '../common/errors.ts';

/** The text is the service's own. */
export function poolNotFound(identityPoolId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `IdentityPool '${identityPoolId}' not found`);
}
