import { type PushChannel, PushError } from '../../sync/ports/push.ts';

/** Separates the ARN and the token in the endpoint of a device that is reached by its token. */
export const SEPARATOR = '#';

/**
 * Wraps a push channel so that it never receives an endpoint that contains a token. Only the provider that issued a
 * token may receive it.
 */
export function withoutTokens({ register, send }: PushChannel): PushChannel {
  return {
    register,
    async send(device, message) {
      if (!device.endpoint.includes(SEPARATOR)) return send(device, message);
      throw new PushError('failed', 'the push application of the device is not in PUSH_PROVIDERS');
    },
  };
}
