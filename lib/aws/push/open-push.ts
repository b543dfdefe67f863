import { setTimeout as timer } from 'node:timers/promises';
import type { PushProvider, PushProviders, SnsSettings } from '../../common/push-providers.ts';
import { type PushChannel, PushError } from '../../sync/ports/push.ts';
import { createSendQueue } from '../../sync/push/send-queue.ts';
import { once } from '../once.ts';
import { createApnsSender } from './apns-sender.ts';
import { createFcmSender } from './fcm-sender.ts';
import { SEPARATOR } from './token-endpoint.ts';
import type { TokenSender } from './token-sender.ts';

/** A push channel with connections of its own. */
export interface OpenPush extends PushChannel {
  /** Closes the connections as soon as the requests in flight have ended. */
  close(): void;
}

/** How the devices of one push application are reached. */
interface Application extends OpenPush {
  /** Whether this application reaches the device with this endpoint. */
  reaches(endpoint: string): boolean;
}

/**
 * Opens the channel to the devices of all push applications. Each application has its own queue, so that a slow
 * provider does not delay the other applications.
 *
 * @param fallback the channel of applications that the settings do not name. It also reaches the devices that
 *   registered before their application was added to the settings
 */
export function openPush(providers: PushProviders, fallback: PushChannel): OpenPush {
  const applications = new Map(
    Array.from(providers, ([arn, provider]) => [arn, queued(openApplication(arn, provider))]),
  );
  return {
    register: (device) => (applications.get(device.applicationArn) ?? fallback).register(device),

    async send(device, message) {
      const application = applications.get(applicationOf(device.endpoint));
      const channel = application?.reaches(device.endpoint) ? application : fallback;
      return channel.send(device, message);
    },

    close() {
      for (const application of applications.values()) application.close();
    },
  };
}

function queued(application: Application): Application {
  const sleep = (ms: number) => timer(ms, undefined, { ref: false });
  return { ...application, send: createSendQueue({ send: application.send, sleep, random: Math.random }) };
}

function openApplication(arn: string, provider: PushProvider): Application {
  const now = Date.now;
  switch (provider.kind) {
    case 'fcm':
      return createTokenApplication(arn, createFcmSender(provider, { fetch, now }));
    case 'apns':
      return createTokenApplication(arn, createApnsSender(provider, { now }));
    case 'sns':
      return createSnsApplication(provider);
  }
}

/** The client of SNS is loaded on its first use, because loading takes long. */
function createSnsApplication(settings: SnsSettings): Application {
  let opened: OpenPush | undefined;
  const open = once(async () => {
    opened = (await import('./sns-push.ts')).openSnsPush(settings);
    return opened;
  });
  return {
    register: async (device) => (await open()).register(device),
    send: async (device, message) => (await open()).send(device, message),
    reaches: (endpoint) => !endpoint.includes(SEPARATOR),
    close: () => opened?.close(),
  };
}

/** The endpoint of a device consists of the ARN of the application and the device's token, which is needed to send. */
function createTokenApplication(arn: string, sender: TokenSender): Application {
  return {
    async register({ token }) {
      const read = sender.readToken(token);
      if (read === null) throw new PushError('refused', `the push application '${arn}' rejects this token`);
      return `${arn}${SEPARATOR}${read}`;
    },
    send: (device, message) =>
      sender.send(device.endpoint.slice(arn.length + SEPARATOR.length), device, message),
    reaches: (endpoint) => endpoint.startsWith(`${arn}${SEPARATOR}`),
    close: () => sender.close(),
  };
}

/**
 * Returns the ARN of the application in an endpoint. In SNS, the ARN of an endpoint is that of the application with
 * `endpoint` instead of `app`, followed by the id of the endpoint.
 */
function applicationOf(endpoint: string): string {
  const [arn = '', token] = endpoint.split(SEPARATOR, 2);
  if (token !== undefined) return arn;
  return arn.replace(':endpoint/', ':app/').replace(/\/[^/]*$/, '');
}
