import { ServiceError } from '../common/errors.ts';

/** In the form of the service's own text about identity pools. */
export function datasetNotFound(datasetName: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `Dataset '${datasetName}' not found`);
}
