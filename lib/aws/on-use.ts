import type { PushProviders } from '../common/push-providers.ts';
import type { SecretId } from '../common/secret-id.ts';
import type { Origin } from '../move/ports/origin.ts';
import type { PublicOrigin } from '../move/ports/public-origin.ts';
import type { OriginSettings } from '../move/read-origin-settings.ts';
import type { InvokeFunction } from '../sync/ports/functions.ts';
import type { EventPublisher } from '../sync/ports/outbox.ts';
import type { PushChannel } from '../sync/ports/push.ts';
import { once } from './once.ts';
import type { OpenPush } from './push/open-push.ts';
import { openPushOnUse } from './push/open-push-on-use.ts';

/** The adapters that the service needs in AWS. */
export interface OnUse {
  invokeFunction: InvokeFunction;
  /**
   * Opens the channel that sends push messages to devices. SNS sends the messages of push applications that the
   * settings do not name.
   */
  openPush: (providers: PushProviders) => OpenPush;
  publisher: EventPublisher;
  streamExists: (streamName: string) => Promise<boolean>;
  createSecretReader: (id: SecretId) => () => Promise<string>;
  openOrigin: (settings: OriginSettings) => Promise<Origin>;
  openPublicOrigin: (settings: OriginSettings) => Promise<PublicOrigin>;
}

/**
 * Creates the adapters of the service in AWS. Each AWS client is loaded on its first use: most cold starts need none of
 * them, and loading a client takes longer than loading the rest of the function.
 */
export function createOnUse(region: string): OnUse {
  const lambda = once(async () => (await import('./lambda-functions.ts')).createLambdaFunctions({ region }));
  const sns = once(async () =>
    (await import('./push/sns-push.ts')).openSnsPush({ region, credentials: null, endpoint: null }),
  );
  const snsChannel: PushChannel = {
    register: async (device) => (await sns()).register(device),
    send: async (device, message) => (await sns()).send(device, message),
  };
  const kinesis = once(async () => (await import('./open-stream.ts')).openStream(region));
  return {
    invokeFunction: async (...args) => (await lambda())(...args),
    openPush: (providers) => openPushOnUse(providers, snsChannel),
    publisher: { publish: async (...args) => (await kinesis()).publisher.publish(...args) },
    streamExists: async (streamName) => (await kinesis()).streamExists(streamName),
    createSecretReader(id) {
      const reader = once(async () => (await import('./secret-reader.ts')).createSecretReader(id));
      return async () => (await reader())();
    },
    openOrigin: async (settings) => (await import('./origin.ts')).openOrigin(settings),
    openPublicOrigin: async (settings) => (await import('./public-origin.ts')).openPublicOrigin(settings),
  };
}
