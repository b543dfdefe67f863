import { invalidParameter, ServiceError } from '../common/errors.ts';

/** A request contains a sync count above that of the dataset. The text of the message is Amazon's. */
export class NoSuchSyncCountError extends ServiceError {
  override name = 'NoSuchSyncCountError';
  readonly syncCount: number;

  constructor(syncCount: number) {
    super('InvalidParameterException', `No such SyncCount: ${syncCount} exists for this Dataset`);
    this.syncCount = syncCount;
  }
}

/**
 * Checks a sync count and returns it, with -0 as 0.
 * @throws {ServiceError} InvalidParameterException unless the value is a whole number from 0 to 2^53 - 1
 */
export function checkSyncCount(value: number, path: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw invalidParameter(path, 'Member must be a whole number from 0 to 2^53 - 1');
  }
  // -0 passes the check; adding 0 turns it into 0.
  return value + 0;
}

/** Returns the error for an unknown identity pool. The text is Amazon's. */
export function poolNotFound(identityPoolId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `IdentityPool '${identityPoolId}' not found`);
}

/** Returns the error for a deleted identity. The text follows Amazon's text for an unknown identity pool. */
export function identityNotFound(identityId: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `Identity '${identityId}' not found`);
}

/** Returns the error for an unknown dataset. The text follows Amazon's text for an unknown identity pool. */
export function datasetNotFound(datasetName: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `Dataset '${datasetName}' not found`);
}
