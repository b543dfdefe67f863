import { ServiceError } from '../../common/errors.ts';
import { authorizeOwnIdentity } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { SyncOperations } from '../model.ts';

/**
 * UnsubscribeFromDataset: the device hears no more of the dataset, which need not be there any more.
 *
 * @throws {ServiceError} NotAuthorizedException: not the identity's own credentials; ResourceNotFoundException: the
 *   device is not subscribed, or none of the identity's
 */
export function createUnsubscribeFromDataset({
  push,
}: Pick<SyncDependencies, 'push'>): SyncOperations['UnsubscribeFromDataset'] {
  return async (input, caller) => {
    const key = { ...authorizeOwnIdentity(input, caller), datasetName: input.DatasetName };
    if (!(await push.devices.unsubscribe(key, input.DeviceId))) {
      throw new ServiceError(
        'ResourceNotFoundException',
        `Subscription of Device '${input.DeviceId}' to Dataset '${input.DatasetName}' not found`,
      );
    }
    return {};
  };
}
