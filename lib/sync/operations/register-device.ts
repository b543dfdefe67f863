import { authorizeOwnIdentity } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { RegisterDeviceInput, SyncOperations } from '../model.ts';
import { type PushChannel, PushError } from '../ports/push.ts';
import { findApplication, invalidConfiguration, readPushApplications } from '../push/push-configuration.ts';

/**
 * RegisterDevice: makes the device known to the push channel, which is handed its token, and to the service, which does
 * not keep it. The same token of the same identity is the same device.
 *
 * @throws {ServiceError} NotAuthorizedException: not the identity's own credentials; ResourceNotFoundException: there is
 *   no such pool; InvalidConfigurationException: it has no application for the platform, or the application does not
 *   take the device
 */
export function createRegisterDevice({
  pools,
  push,
  now,
}: Pick<SyncDependencies, 'pools' | 'push' | 'now'>): SyncOperations['RegisterDevice'] {
  return async (input, caller) => {
    const identity = authorizeOwnIdentity(input, caller);
    const applicationArns = await readPushApplications(pools, identity.identityPoolId);
    const applicationArn = findApplication(applicationArns, input.Platform);
    const endpoint = await registerWith(push.channel, applicationArn, input);
    const registration = { ...identity, platform: input.Platform, token: input.Token };
    return { DeviceId: await push.devices.register(registration, endpoint, now()) };
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
