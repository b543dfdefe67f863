import type { SyncDependencies } from './dependencies.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { SyncOperations } from './model.ts';
import { createDeleteDataset } from './operations/delete-dataset.ts';
import { createDescribeDataset } from './operations/describe-dataset.ts';
import { createListDatasets } from './operations/list-datasets.ts';
import { createListRecords } from './operations/list-records.ts';
import { createUpdateRecords } from './operations/update-records.ts';

/** The operations of the service, each under the API's name. */
export function createSyncOperations({
  limits = DEFAULT_LIMITS,
  afterWrite = () => undefined,
  ...needed
}: Pick<SyncDependencies, 'store' | 'tokens' | 'now'> & Partial<SyncDependencies>): SyncOperations {
  const dependencies: SyncDependencies = { ...needed, limits, afterWrite };
  return {
    ListRecords: createListRecords(dependencies),
    UpdateRecords: createUpdateRecords(dependencies),
    ListDatasets: createListDatasets(dependencies),
    DescribeDataset: createDescribeDataset(dependencies),
    DeleteDataset: createDeleteDataset(dependencies),
  };
}
