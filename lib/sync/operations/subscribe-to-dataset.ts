import { ServiceError } from '../../common/errors.ts';
import { authorizeOwnIdentity } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { datasetNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';
import { readPushApplications } from '../push/push-configuration.ts';

/**
 * SubscribeToDataset: from now on the device is told when another one changes the dataset. Nothing changes where it is
 * subscribed already.
 *
 * @throws {ServiceError} NotAuthorizedException: not the identity's own credentials; ResourceNotFoundException: there is
 *   no such pool or dataset, or the identity has no such device; InvalidConfigurationException: push is not set up for
 *   the pool
 */
export function createSubscribeToDataset({
  store,
  pools,
  push,
  now,
}: Pick<SyncDependencies, 'store' | 'pools' | 'push' | 'now'>): SyncOperations['SubscribeToDataset'] {
  return async (input, caller) => {
    const key = { ...authorizeOwnIdentity(input, caller), datasetName: input.DatasetName };
    await readPushApplications(pools, key.identityPoolId);
    if ((await store.readDataset(key)) === null) throw datasetNotFound(key.datasetName);
    if (!(await push.devices.subscribe(key, input.DeviceId, now()))) {
      throw new ServiceError('ResourceNotFoundException', `Device '${input.DeviceId}' not found`);
    }
    return {};
  };
}
