import { authorizeOwnIdentity, identityDeleted } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { RegisterDeviceInput, SyncOperations } from '../model.ts';
import { type PushChannel, PushError } from '../ports/push.ts';
import { findApplication, invalidConfiguration, readPushApplications } from '../push/push-configuration.ts';

/**
 * RegisterDevice: registers a device with the push channel, and stores the endpoint that the channel returns. The
 * service stores the device's token only if the service sends to Apple or Google directly: the endpoint then contains
 * the token. If an identity sends the same token again, it gets the device id that it already has.
 *
 * An identity keeps only the devices that registered most recently. Otherwise their number would grow without end,
 * because no operation removes a device and platforms replace the tokens of devices.
 *
 * @throws {ServiceError} NotAuthorizedException if the credentials are not the identity's own;
 *   ResourceNotFoundException if the pool does not exist; InvalidConfigurationException if the pool has no application
 *   for the platform, or the application does not accept the device
 */
export function createRegisterDevice({
  pools,
  push,
  now,
  limits,
}: Pick<SyncDependencies, 'pools' | 'push' | 'now' | 'limits'>): SyncOperations['RegisterDevice'] {
  return async (input, caller) => {
    const identity = authorizeOwnIdentity(input, caller);
    const applicationArns = await readPushApplications(pools, identity.identityPoolId);
    const applicationArn = findApplication(applicationArns, input.Platform);
    const endpoint = await registerWith(push.channel, applicationArn, input);
    const registration = { ...identity, platform: input.Platform, token: input.Token };
    const options = { at: now(), maxDevices: limits.devicesPerIdentity };
    const DeviceId = await push.devices.register(registration, endpoint, options);
    if (await push.devices.removeIfDeleted(identity, DeviceId)) throw identityDeleted(caller, identity);
    return { DeviceId };
  };
}

async function registerWith(
  channel: PushChannel,
  applicationArn: string,
  { Platform: platform, Token: token }: RegisterDeviceInput,
): Promise<string> {
  try {
    return await channel.register({ applicationArn, platform, token });
  } catch (error) {
    if (error instanceof PushError) throw invalidConfiguration(error.message);
    throw error;
  }
}
