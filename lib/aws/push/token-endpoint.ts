import { type PushChannel, PushError } from '../../sync/ports/push.ts';

/** Separates the ARN and the token in the endpoint of a device that is reached by its token. */
export const SEPARATOR = '#';

/** Wraps a channel so that it receives no endpoint with a token. Only the provider of the token may receive it. */
export function withoutTokens({ register, send }: PushChannel): PushChannel {
  return {
    register,
    async send(device, message) {
      if (!device.endpoint.includes(SEPARATOR)) return send(device, message);
      throw new PushError('failed', 'the push application of the device is not in PUSH_PROVIDERS');
    },
  };
}
