import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFcmSender } from '../../../../lib/aws/push/fcm-sender.ts';
import type { TokenSender } from '../../../../lib/aws/push/token-sender.ts';
import type { FcmSettings } from '../../../../lib/common/push-providers.ts';
import { readPushProviders } from '../../../../lib/common/read-push-providers.ts';
import { freePort } from '../../../fixtures/local/free-port.ts';
import { failureOf } from '../../../fixtures/push/failure-of.ts';
import {
  type FcmResponse,
  type FcmServer,
  fcmError,
  startFcmServer,
} from '../../../fixtures/push/fcm-server.ts';
import { startSilentServer } from '../../../fixtures/push/silent-server.ts';
import { GCM_APP } from '../../../fixtures/sync/push-devices.ts';

const TOKEN = 'cR4x:APA91b-secret_token';
const DEVICE = { deviceId: 'd', platform: 'GCM' as const, endpoint: `${GCM_APP}#${TOKEN}`, registeredAt: 0 };
const DATA = { source: 'cognito-sync', datasetName: 'game', syncCount: '7' };
const MESSAGE = JSON.stringify({ data: DATA });

let fcm: FcmServer;
beforeAll(async () => {
  fcm = await startFcmServer();
});
afterAll(() => fcm.close());

const clock = { now: 0 };
let sender: TokenSender;
beforeEach(() => {
  for (const list of [fcm.requests, fcm.assertions, fcm.responses, fcm.tokenResponses]) list.length = 0;
  clock.now = Date.now();
  sender = open();
});

function settings(change: Partial<FcmSettings> = {}): FcmSettings {
  const read = readPushProviders({ PUSH_PROVIDERS: JSON.stringify({ [GCM_APP]: fcm.provider }) }).get(
    GCM_APP,
  );
  if (read?.kind !== 'fcm') throw new Error('no settings');
  return { ...read, ...change };
}

function open(change: Partial<FcmSettings> = {}): TokenSender {
  return createFcmSender(settings(change), { fetch, now: () => clock.now });
}

const send = () => sender.send(TOKEN, DEVICE, MESSAGE);

describe('a message to FCM', () => {
  it('has the members that the clients for Android read, and is sent with an access token', async () => {
    await send();
    expect(fcm.requests).toEqual([
      {
        path: '/v1/projects/notes-app/messages:send',
        contentType: 'application/json',
        body: { message: { token: TOKEN, data: DATA } },
      },
    ]);
    const [claims] = fcm.assertions;
    expect(claims).toMatchObject({ scope: 'https://www.googleapis.com/auth/firebase.messaging' });
    expect((claims?.exp ?? 0) - (claims?.iat ?? 0)).toBe(3_600);
  });

  it.each<[string, FcmResponse]>([
    ['UNREGISTERED', fcmError(404, 'UNREGISTERED')],
    ['INVALID_ARGUMENT', fcmError(400, 'INVALID_ARGUMENT', 'The registration token is not valid')],
    ['INVALID_ARGUMENT', invalidField('message.token')],
  ])('disables a device whose token FCM rejects with %s', async (_, response) => {
    fcm.responses.push(response);
    const failure = await failureOf(send());
    expect(failure).toMatchObject({ name: 'PushError', reason: 'disabled' });
    expect(JSON.stringify([String(failure), failure])).not.toContain(TOKEN);
  });

  it.each<[string, FcmResponse]>([
    ['FCM: 400 INVALID_ARGUMENT', invalidField('message.data[0].value')],
    ['FCM: 403 SENDER_ID_MISMATCH', fcmError(403, 'SENDER_ID_MISMATCH')],
    ['FCM: 403 PERMISSION_DENIED', { status: 403, body: { error: { status: 'PERMISSION_DENIED' } } }],
    ['FCM: 404 NOT_FOUND', { status: 404, body: { error: { status: 'NOT_FOUND' } } }],
    ['FCM: 404 no reason', { status: 404, body: { error: { status: `echoes ${TOKEN}` } } }],
    ['FCM: 302 no reason', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }],
  ])('fails without disabling the device: %s', async (message, response) => {
    fcm.responses.push(response);
    expect(await failureOf(send())).toMatchObject({ name: 'PushError', reason: 'failed', message });
  });

  it.each<[number, FcmResponse]>([
    [7_000, { ...fcmError(429, 'QUOTA_EXCEEDED'), headers: { 'retry-after': '7' } }],
    [0, fcmError(500, 'INTERNAL')],
    [0, fcmError(503, 'UNAVAILABLE')],
    [0, { status: 502, headers: { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' } }],
  ])('fails temporarily, with the retry delay of FCM (0: none): %d ms', async (retryAfterMs, response) => {
    fcm.responses.push(response);
    expect(await failureOf(send())).toMatchObject({
      reason: 'temporary',
      retryAfterMs: retryAfterMs || null,
    });
  });

  it('fails temporarily if the response is too large', async () => {
    fcm.responses.push({ status: 200, body: { name: 'x'.repeat(70_000) } });
    expect(await failureOf(send())).toMatchObject({
      reason: 'temporary',
      message: 'the response of FCM is larger than 65536 bytes',
    });
  });

  it('fails temporarily if FCM cannot be reached, or does not respond', async () => {
    sender = open({ endpoint: `http://127.0.0.1:${await freePort()}` });
    expect(await failureOf(send())).toMatchObject({
      reason: 'temporary',
      message: 'FCM did not respond (ECONNREFUSED)',
    });
    sender = open({ endpoint: await startSilentServer() });
    expect(await failureOf(send())).toMatchObject({
      reason: 'temporary',
      message: 'FCM did not respond (TimeoutError)',
    });
  });
});

describe('an access token', () => {
  it('is issued once for concurrent messages, and used until shortly before it expires', async () => {
    await Promise.all([send(), send(), send()]);
    clock.now += 50 * 60_000;
    await send();
    expect(fcm.assertions).toHaveLength(1);
    clock.now += 6 * 60_000;
    await send();
    expect(fcm.assertions).toHaveLength(2);
    expect(fcm.requests).toHaveLength(5);
  });

  it('is replaced after FCM has rejected it', async () => {
    await send();
    fcm.revoke();
    expect(await failureOf(send())).toMatchObject({
      reason: 'temporary',
      message: 'FCM: 401 UNAUTHENTICATED',
    });
    await send();
    expect(fcm.assertions).toHaveLength(2);
  });

  it('is requested again after a failure', async () => {
    fcm.tokenResponses.push({ status: 503, headers: { 'retry-after': '3' } });
    expect(await failureOf(send())).toMatchObject({ reason: 'temporary', retryAfterMs: 3_000 });
    await send();
    expect(fcm.requests).toHaveLength(1);
  });

  it('is refused to an unknown service account', async () => {
    sender = open({ clientEmail: 'other@notes-app.iam.gserviceaccount.com' });
    expect(await failureOf(send())).toMatchObject({
      reason: 'failed',
      message: 'Google issued no access token for the service account: 400 invalid_grant',
    });
    expect(fcm.requests).toEqual([]);
  });
});

it.each(['', 'with space', 'line\nbreak', 'ü', 'x'.repeat(4_097)])('%j is not a device token', (text) => {
  expect(sender.readToken(text)).toBeNull();
  expect(sender.readToken(TOKEN)).toBe(TOKEN);
});

/** The error for an invalid field of the request. */
function invalidField(field: string): FcmResponse {
  const details = [
    { '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: 'INVALID_ARGUMENT' },
    { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field, description: 'no' }] },
  ];
  return { status: 400, body: { error: { code: 400, status: 'INVALID_ARGUMENT', details } } };
}
