import { ServiceError } from '../common/errors.ts';

/**
 * A parameter breaks a rule; in the words of the service's own validation. What was sent is never quoted.
 * @param path from the request's members, as in `recordPatches.1.member.key`
 * @param rule such as "Member must not be null"
 */
export function invalidParameter(path: string, rule: string): ServiceError {
  return new ServiceError(
    'InvalidParameterException',
    `1 validation error detected: Value at '${path}' failed to satisfy constraint: ${rule}`,
  );
}

/** The text is the service's own. */
export function noSuchSyncCount(syncCount: number): ServiceError {
  return new ServiceError(
    'InvalidParameterException',
    `No such SyncCount: ${syncCount} exists for this Dataset`,
  );
}

/** @throws {ServiceError} InvalidParameterException unless the value is a whole number from 0 to 2^53 - 1 */
export function checkSyncCount(value: number, path: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw invalidParameter(path, 'Member must be a whole number from 0 to 2^53 - 1');
  }
  // -0 is one of them.
  return value + 0;
}

/** The text is the service's own. */
export function poolNotFound(identityPoolId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `IdentityPool '${identityPoolId}' not found`);
}

/** In the form of the service's own text about identity pools. */
export function datasetNotFound(datasetName: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `Dataset '${datasetName}' not found`);
}
