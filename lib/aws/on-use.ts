import type { SecretId } from '../common/secret-id.ts';
import type { Origin } from '../move/ports/origin.ts';
import type { PublicOrigin } from '../move/ports/public-origin.ts';
import type { OriginSettings } from '../move/read-origin-settings.ts';
import type { InvokeFunction } from '../sync/ports/functions.ts';
import type { EventPublisher } from '../sync/ports/outbox.ts';
import type { PushChannel } from '../sync/ports/push.ts';

/** The adapters that the service needs in AWS. */
export interface OnUse {
  invokeFunction: InvokeFunction;
  pushChannel: PushChannel;
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
  const sns = once(async () => (await import('./sns-push.ts')).openSnsPush(region));
  const kinesis = once(async () => (await import('./open-stream.ts')).openStream(region));
  return {
    invokeFunction: async (...args) => (await lambda())(...args),
    pushChannel: {
      register: async (device) => (await sns()).register(device),
      send: async (device, message) => (await sns()).send(device, message),
    },
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

/** Calls `create` once. If it fails, the next call tries again. */
function once<Value>(create: () => Promise<Value>): () => Promise<Value> {
  let created: Promise<Value> | undefined;
  return () => {
    created ??= create().catch((error: unknown) => {
      created = undefined;
      throw error;
    });
    return created;
  };
}
