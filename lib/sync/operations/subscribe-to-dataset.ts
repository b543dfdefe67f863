import { ServiceError } from '../../common/errors.ts';
import { authorizeOwnIdentity } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { datasetNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';
import { readPushApplications } from '../push/push-configuration.ts';

/**
 * SubscribeToDataset: subscribes a device, which is then notified when another device changes the dataset. Has no
 * effect if the device is already subscribed.
 *
 * @throws {ServiceError} NotAuthorizedException if the credentials are not the identity's own;
 *   ResourceNotFoundException if the pool, the dataset or the identity's device does not exist;
 *   InvalidConfigurationException if the pool has no push applications
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
