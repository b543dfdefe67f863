import type { PushProviders } from '../../common/push-providers.ts';
import type { PushChannel } from '../../sync/ports/push.ts';
import { once } from '../once.ts';
import type { OpenPush } from './open-push.ts';
import { withoutTokens } from './token-endpoint.ts';

/**
 * Opens the channel that sends push messages on its first use, because loading it would delay every start.
 *
 * @param fallback the channel of push applications that the settings do not name
 */
export function openPushOnUse(providers: PushProviders, fallback: PushChannel): OpenPush {
  const others = withoutTokens(fallback);
  if (providers.size === 0) return { ...others, close: () => undefined };
  let opened: OpenPush | undefined;
  const open = once(async () => {
    const { openPush } = await import('./open-push.ts');
    opened = openPush(providers, others);
    return opened;
  });
  return {
    register: async (device) => (await open()).register(device),
    send: async (device, message) => (await open()).send(device, message),
    close: () => opened?.close(),
  };
}
