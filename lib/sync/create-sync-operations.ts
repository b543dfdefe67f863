import type { SyncDependencies } from './dependencies.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { SyncOperations } from './model.ts';
import { createBulkPublish } from './operations/bulk-publish.ts';
import { createDeleteDataset } from './operations/delete-dataset.ts';
import { createDescribeDataset } from './operations/describe-dataset.ts';
import { createDescribeIdentityPoolUsage } from './operations/describe-identity-pool-usage.ts';
import { createDescribeIdentityUsage } from './operations/describe-identity-usage.ts';
import { createGetBulkPublishDetails } from './operations/get-bulk-publish-details.ts';
import { createGetCognitoEvents } from './operations/get-cognito-events.ts';
import { createGetIdentityPoolConfiguration } from './operations/get-identity-pool-configuration.ts';
import { createListDatasets } from './operations/list-datasets.ts';
import { createListIdentityPoolUsage } from './operations/list-identity-pool-usage.ts';
import { createListRecords } from './operations/list-records.ts';
import { createRegisterDevice } from './operations/register-device.ts';
import { createSetCognitoEvents } from './operations/set-cognito-events.ts';
import { createSetIdentityPoolConfiguration } from './operations/set-identity-pool-configuration.ts';
import { createSubscribeToDataset } from './operations/subscribe-to-dataset.ts';
import { createUnsubscribeFromDataset } from './operations/unsubscribe-from-dataset.ts';
import { createUpdateRecords } from './operations/update-records.ts';
import { FunctionError } from './ports/functions.ts';

type Needed =
  | 'store'
  | 'pools'
  | 'bulkPublishes'
  | 'tokens'
  | 'payloadLinks'
  | 'push'
  | 'now'
  | 'streamExists';

/** Creates the operations of Cognito Sync. The name of each member is the name of the operation in the API. */
export function createSyncOperations({
  limits = DEFAULT_LIMITS,
  afterWrite = () => undefined,
  afterBulkPublish = () => undefined,
  onFilling = () => undefined,
  invokeFunction = failInvocation,
  ...needed
}: Pick<SyncDependencies, Needed> & Partial<SyncDependencies>): SyncOperations {
  const defaults = { limits, afterWrite, afterBulkPublish, onFilling, invokeFunction };
  const dependencies: SyncDependencies = { ...needed, ...defaults };
  return {
    ListRecords: createListRecords(dependencies),
    UpdateRecords: createUpdateRecords(dependencies),
    BulkPublish: createBulkPublish(dependencies),
    GetBulkPublishDetails: createGetBulkPublishDetails(dependencies),
    ListDatasets: createListDatasets(dependencies),
    DescribeDataset: createDescribeDataset(dependencies),
    DeleteDataset: createDeleteDataset(dependencies),
    RegisterDevice: createRegisterDevice(dependencies),
    SubscribeToDataset: createSubscribeToDataset(dependencies),
    UnsubscribeFromDataset: createUnsubscribeFromDataset(dependencies),
    DescribeIdentityPoolUsage: createDescribeIdentityPoolUsage(dependencies),
    DescribeIdentityUsage: createDescribeIdentityUsage(dependencies),
    ListIdentityPoolUsage: createListIdentityPoolUsage(dependencies),
    GetCognitoEvents: createGetCognitoEvents(dependencies),
    SetCognitoEvents: createSetCognitoEvents(dependencies),
    GetIdentityPoolConfiguration: createGetIdentityPoolConfiguration(dependencies),
    SetIdentityPoolConfiguration: createSetIdentityPoolConfiguration(dependencies),
  };
}

async function failInvocation(): Promise<never> {
  throw new FunctionError('not-found', 'no functions are configured');
}
