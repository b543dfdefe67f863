import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { openOrigin } from '../../../lib/aws/origin.ts';
import { openPushOnUse } from '../../../lib/aws/push/open-push-on-use.ts';
import { readPushProviders } from '../../../lib/common/read-push-providers.ts';
import { PushError } from '../../../lib/sync/ports/push.ts';
import { createForOrigin } from '../../../lib/wire/service/create-for-origin.ts';
import { listen } from '../../fixtures/aws/kinesis-emulator.ts';
import { startSnsApi } from '../../fixtures/aws/sns-api.ts';
import { startApnsServer } from '../../fixtures/push/apns-server.ts';
import { APNS_APP } from '../../fixtures/sync/push-devices.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';

const ADM_APP = 'arn:aws:sns:us-east-1:000000000000:app/ADM/notes';
const FIVE_MINUTES = 5 * 60_000;

/** Starts an origin that has no identities. */
async function startOrigin() {
  const sockets = new Set<Socket>();
  const server = createServer((_, response) =>
    response.setHeader('content-type', 'application/x-amz-json-1.1').end('{"Identities":[]}'),
  );
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.keepAliveTimeout = 60_000;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: await listen(server), openConnections: () => sockets.size };
}

const refuse = () => Promise.reject(new PushError('failed', 'there is no other channel'));

it('after a secret has changed, the connections of the previous handler are closed once its last invocation has ended', async () => {
  const origin = await startOrigin();
  const apns = await startApnsServer();
  const sns = await startSnsApi();
  onTestFinished(async () => {
    sns.close();
    await apns.close();
  });
  const credentials = { accessKeyId: 'AKID', secretAccessKey: 'secret' };
  const providers = {
    [APNS_APP]: apns.provider,
    [ADM_APP]: { sns: { ...credentials, endpoint: sns.endpoint } },
  };
  const secrets = {
    keys: JSON.stringify({ developers: [credentials] }),
    providers: JSON.stringify(providers),
  };
  let now = 0;
  const invoke = createForOrigin({
    env: {
      AWS_REGION: 'us-east-1',
      ORIGIN_ENDPOINT_URL: origin.url,
      ORIGIN_KEYS_SECRET: 'keys',
      PUSH_PROVIDERS_SECRET: 'providers',
    },
    createSecretReader:
      ({ secretId }) =>
      async () =>
        secretId === 'keys' ? secrets.keys : secrets.providers,
    logger: { error: (message) => expect.fail(message) },
    create(settings, pushProviders) {
      const opened = openOrigin(settings);
      const push = openPushOnUse(readPushProviders({ PUSH_PROVIDERS: pushProviders }), {
        register: refuse,
        send: refuse,
      });
      const sendTo = async (applicationArn: string, platform: 'APNS' | 'ADM', token: string) => {
        const endpoint = await push.register({ applicationArn, platform, token });
        await push.send({ deviceId: token, platform, endpoint, registeredAt: 0 }, '{}');
      };
      return {
        async handle(work: () => Promise<void>) {
          await opened.listIdentities(POOL, { hideDisabled: false, token: null });
          await sendTo(APNS_APP, 'APNS', 'ab'.repeat(32));
          await sendTo(ADM_APP, 'ADM', 'token');
          await work();
        },
        close() {
          opened.close();
          push.close();
        },
      };
    },
    now: () => now,
  });
  const openConnections = () => ({
    origin: origin.openConnections(),
    apns: apns.openConnections(),
    sns: sns.openConnections(),
  });
  const of = (count: number) => ({ origin: count, apns: count, sns: count });

  await invoke(async () => undefined);
  now += FIVE_MINUTES;
  const mayEnd = Promise.withResolvers<void>();
  const isConnected = Promise.withResolvers<void>();
  const last = invoke(() => {
    isConnected.resolve();
    return mayEnd.promise;
  });
  await isConnected.promise;
  expect(openConnections()).toEqual(of(1));

  secrets.keys = JSON.stringify({ developers: [{ ...credentials, accessKeyId: 'SECOND' }] });
  now += FIVE_MINUTES;
  await invoke(async () => undefined);
  expect(openConnections()).toEqual(of(2));
  mayEnd.resolve();
  await last;
  await expect.poll(openConnections).toEqual(of(1));
  await invoke(async () => undefined);
  expect(openConnections()).toEqual(of(1));
});
