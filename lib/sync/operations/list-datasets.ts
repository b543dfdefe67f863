import { authorizeIdentity, rejectRevoked } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { SyncOperations } from '../model.ts';
import { readPageSize } from '../page-size.ts';
import { toDataset } from '../to-output.ts';

/**
 * ListDatasets: returns the identity's existing datasets, sorted by name. An unknown identity has no datasets.
 * @throws {ServiceError} InvalidParameterException, NotAuthorizedException
 */
export function createListDatasets({
  store,
  tokens,
}: Pick<SyncDependencies, 'store' | 'tokens'>): SyncOperations['ListDatasets'] {
  return async (input, caller) => {
    const identity = authorizeIdentity(input, caller);
    const size = readPageSize(input.MaxResults);
    const after = input.NextToken === undefined ? '' : tokens.verifyDatasetsPage(input.NextToken, identity);
    // Read one dataset more than the page holds, to learn whether another page follows.
    const found = await store.readDatasets(identity, { after, limit: size === null ? null : size + 1 });
    if (found.length === 0) await rejectRevoked(caller, store.isIdentityDeleted);
    const page = size === null ? found : found.slice(0, size);
    const last = found.length > page.length ? page.at(-1) : undefined;
    return {
      Datasets: page.map((dataset) => toDataset(input.IdentityId, dataset)),
      Count: page.length,
      NextToken: last ? tokens.issueDatasetsPage(last.datasetName, identity) : null,
    };
  };
}
