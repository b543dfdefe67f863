import { authorizeDataset } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { datasetNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';
import { toDataset } from '../to-output.ts';

/**
 * DescribeDataset: returns one dataset.
 * @throws {ServiceError} ResourceNotFoundException if the dataset does not exist, or no longer exists;
 *   NotAuthorizedException
 */
export function createDescribeDataset({
  store,
}: Pick<SyncDependencies, 'store'>): SyncOperations['DescribeDataset'] {
  return async (input, caller) => {
    const stored = await store.readDataset(authorizeDataset(input, caller));
    if (stored === null) throw datasetNotFound(input.DatasetName);
    return { Dataset: toDataset(input.IdentityId, stored) };
  };
}
