import { ServiceError } from '../../common/errors.ts';
import { authorizeOwnIdentity } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { SyncOperations } from '../model.ts';

/**
 * UnsubscribeFromDataset: ends the subscription of a device, which is then no longer notified when the dataset changes.
 * The dataset need not exist any more.
 *
 * @throws {ServiceError} NotAuthorizedException if the credentials are not the identity's own;
 *   ResourceNotFoundException if the device is not subscribed, or does not belong to the identity
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
