import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createApnsSender } from '../../../../lib/aws/push/apns-sender.ts';
import type { TokenSender } from '../../../../lib/aws/push/token-sender.ts';
import type { ApnsSettings } from '../../../../lib/common/push-providers.ts';
import { readPushProviders } from '../../../../lib/common/read-push-providers.ts';
import { freePort } from '../../../fixtures/local/free-port.ts';
import { type ApnsServer, startApnsServer } from '../../../fixtures/push/apns-server.ts';
import { failureOf } from '../../../fixtures/push/failure-of.ts';
import { startSilentServer } from '../../../fixtures/push/silent-server.ts';
import { APNS_APP } from '../../../fixtures/sync/push-devices.ts';

const TOKEN = '00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0';
const REGISTERED_AT = 1_800_000_000_000;
const DEVICE = {
  deviceId: 'd',
  platform: 'APNS' as const,
  endpoint: `${APNS_APP}#${TOKEN}`,
  registeredAt: REGISTERED_AT,
};
const MESSAGE = { aps: { 'content-available': 1 }, data: { source: 'cognito-sync', syncCount: 7 } };

let apns: ApnsServer;
let sender: TokenSender;
const clock = { now: 0 };
beforeEach(async () => {
  clock.now = Date.now();
  apns = await startApnsServer();
  sender = open();
  onTestFinished(async () => {
    sender.close();
    await apns.close();
  });
});

function open(change: Partial<ApnsSettings> = {}): TokenSender {
  const text = JSON.stringify({ [APNS_APP]: apns.provider });
  const read = readPushProviders({ PUSH_PROVIDERS: text }).get(APNS_APP);
  if (read?.kind !== 'apns') throw new Error('no settings');
  return createApnsSender({ ...read, ...change }, { now: () => clock.now });
}

const send = () => sender.send(TOKEN, DEVICE, JSON.stringify(MESSAGE));

describe('a message to APNs', () => {
  it('is a background notification for the app, and is sent with a provider token', async () => {
    await send();
    expect(apns.requests).toMatchObject([
      {
        path: `/3/device/${TOKEN}`,
        headers: { 'apns-topic': 'com.example.notes', 'apns-push-type': 'background', 'apns-priority': '5' },
        body: MESSAGE,
      },
    ]);
    expect(apns.providerTokens).toEqual([{ iss: 'DEF123GHIJ', iat: Math.floor(clock.now / 1_000) }]);
  });

  it('shares a connection with other messages', async () => {
    await Promise.all(Array.from({ length: 200 }, send));
    expect(apns.requests).toHaveLength(200);
    expect(apns.connections()).toBe(1);
  });

  it.each([
    { status: 410, body: { reason: 'Unregistered', timestamp: REGISTERED_AT } },
    { status: 410, body: { reason: 'ExpiredToken' } },
    { status: 400, body: { reason: 'BadDeviceToken' } },
  ])('disables a device whose token APNs rejects: $status $body.reason', async (response) => {
    apns.responses.push(response);
    const failure = await failureOf(send());
    expect(failure).toMatchObject({
      name: 'PushError',
      reason: 'disabled',
      message: `APNs: ${response.status} ${response.body.reason}`,
    });
    expect(JSON.stringify([String(failure), failure])).not.toContain(TOKEN);
  });

  it.each([
    [
      'APNs: 410 Unregistered',
      { status: 410, body: { reason: 'Unregistered', timestamp: REGISTERED_AT - 1 } },
    ],
    ['APNs: 400 DeviceTokenNotForTopic', { status: 400, body: { reason: 'DeviceTokenNotForTopic' } }],
    ['APNs: 403 no reason', { status: 403, body: { reason: `echoes ${TOKEN}` } }],
    ['APNs: 413 no reason', { status: 413 }],
  ])('fails without disabling the device: %s', async (message, response) => {
    apns.responses.push(response);
    expect(await failureOf(send())).toMatchObject({ name: 'PushError', reason: 'failed', message });
  });

  it('fails if the key belongs to another team', async () => {
    const key = (await startOther()).key;
    sender = open({ key });
    expect(await failureOf(send())).toMatchObject({
      reason: 'failed',
      message: 'APNs: 403 InvalidProviderToken',
    });
  });

  it.each([
    [5_000, { status: 429, body: { reason: 'TooManyRequests' }, headers: { 'retry-after': '5' } }],
    [null, { status: 500, body: { reason: 'InternalServerError' } }],
    [null, { status: 503, body: { reason: 'Shutdown' } }],
  ])('fails temporarily, with the retry delay that APNs names: %s ms', async (retryAfterMs, response) => {
    apns.responses.push(response);
    expect(await failureOf(send())).toMatchObject({ reason: 'temporary', retryAfterMs });
    await send();
    expect(apns.requests).toHaveLength(2);
  });
});

describe('a connection to APNs', () => {
  it('is replaced after APNs has asked for that; a message fails temporarily if no replacement can be opened', async () => {
    await send();
    apns.goAway();
    await expect.poll(async () => [await failureOf(send()), apns.connections()]).toEqual([undefined, 2]);
    const { endpoint } = apns.provider.apns;
    await apns.close();
    expect(await failureOf(send())).toMatchObject({ name: 'PushError', reason: 'temporary' });
    expect(endpoint).toMatch(/^http:/);
  });

  it('fails temporarily if the response is too large', async () => {
    apns.responses.push({ status: 400, body: { reason: 'x'.repeat(70_000) } });
    expect(await failureOf(send())).toMatchObject({
      reason: 'temporary',
      message: 'the response of APNs is larger than 65536 bytes',
    });
  });

  it('fails temporarily if nothing listens', async () => {
    sender = open({ endpoint: `http://127.0.0.1:${await freePort()}` });
    expect(await failureOf(send())).toMatchObject({
      reason: 'temporary',
      message: 'APNs did not respond (ECONNREFUSED)',
    });
  });

  it('fails temporarily if APNs does not respond, and the next message uses another connection', async () => {
    apns.responses.push(null);
    expect(await failureOf(send())).toMatchObject({ name: 'PushError', reason: 'temporary' });
    await send();
    expect(apns.connections()).toBe(2);
  });

  it('fails temporarily if the server accepts connections and sends nothing', async () => {
    sender = open({ endpoint: await startSilentServer() });
    expect(await failureOf(send())).toMatchObject({ name: 'PushError', reason: 'temporary' });
  });

  it('fails temporarily, and throws nothing else, if the server never answers the handshake of TLS', async () => {
    const uncaught: unknown[] = [];
    const note = (error: unknown) => void uncaught.push(error);
    process.on('uncaughtException', note);
    onTestFinished(() => void process.off('uncaughtException', note));
    sender = open({ endpoint: (await startSilentServer()).replace('http:', 'https:') });
    expect(await failureOf(send())).toMatchObject({ name: 'PushError', reason: 'temporary' });
    await setImmediate();
    expect(uncaught).toEqual([]);
  });
});

describe('a provider token', () => {
  it('is replaced 45 minutes after it was issued; APNs allows 20 to 60 minutes', async () => {
    await send();
    clock.now += 44 * 60_000;
    await send();
    expect(apns.providerTokens).toHaveLength(1);
    clock.now += 60_000;
    await send();
    expect(apns.providerTokens).toHaveLength(2);
  });

  it('is replaced after APNs has rejected it, but not in its first 20 minutes', async () => {
    const expired = { status: 403, body: { reason: 'ExpiredProviderToken' } };
    for (const [minutes, tokens] of [
      [0, 1],
      [20, 2],
    ] as const) {
      clock.now += minutes * 60_000;
      apns.responses.push(expired);
      expect(await failureOf(send())).toMatchObject({ reason: 'temporary' });
      await send();
      expect(apns.providerTokens).toHaveLength(tokens);
    }
  });
});

it('the token of a device is hexadecimal, and is sent in lower case', () => {
  expect(sender.readToken(TOKEN.toUpperCase())).toBe(TOKEN);
  for (const text of ['', 'abc', '../../x', `${TOKEN}0`, `${TOKEN}/a`, 'ab'.repeat(257)]) {
    expect(sender.readToken(text)).toBeNull();
  }
});

/** Returns the settings of another team's app. */
async function startOther(): Promise<ApnsSettings> {
  const other = await startApnsServer();
  await other.close();
  const read = readPushProviders({ PUSH_PROVIDERS: JSON.stringify({ [APNS_APP]: other.provider }) }).get(
    APNS_APP,
  );
  if (read?.kind !== 'apns') throw new Error('no settings');
  return read;
}
