import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createPushInbox } from '../../../../infra/local/push-inbox.ts';
import { openPushOnUse } from '../../../../lib/aws/push/open-push-on-use.ts';
import { readPushProviders } from '../../../../lib/common/read-push-providers.ts';
import type { PushChannel, PushDevice, PushPlatform } from '../../../../lib/sync/ports/push.ts';
import { startSnsApi } from '../../../fixtures/aws/sns-api.ts';
import { type ApnsServer, startApnsServer } from '../../../fixtures/push/apns-server.ts';
import { failureOf } from '../../../fixtures/push/failure-of.ts';
import { type FcmServer, startFcmServer } from '../../../fixtures/push/fcm-server.ts';
import { APNS_APP, GCM_APP } from '../../../fixtures/sync/push-devices.ts';

const ADM_APP = 'arn:aws:sns:us-east-1:000000000000:app/ADM/notes';
const OTHER_APP = `${GCM_APP}-2`;
const MESSAGE = '{"data":{"source":"cognito-sync"}}';
const FCM_TOKEN = 'fcm:token';
const APNS_TOKEN = 'AB'.repeat(32);

let fcm: FcmServer;
let apns: ApnsServer;
let providers: Record<string, object>;
let inbox: ReturnType<typeof createPushInbox>;
beforeEach(async () => {
  fcm = await startFcmServer();
  apns = await startApnsServer();
  const sns = await startSnsApi();
  onTestFinished(async () => {
    sns.close();
    await Promise.all([fcm.close(), apns.close()]);
  });
  const credentials = { accessKeyId: 'AKID', secretAccessKey: 'secret' };
  providers = {
    [GCM_APP]: fcm.provider,
    [APNS_APP]: apns.provider,
    [ADM_APP]: { sns: { ...credentials, endpoint: sns.endpoint } },
  };
  let ids = 0;
  inbox = createPushInbox({
    randomId: () => {
      ids += 1;
      return `id-${ids}`;
    },
  });
});

function open(given: Record<string, object> = providers): PushChannel {
  const push = openPushOnUse(readPushProviders({ PUSH_PROVIDERS: JSON.stringify(given) }), inbox);
  onTestFinished(() => push.close());
  return push;
}

const PLATFORMS = new Map<string, PushPlatform>([
  [GCM_APP, 'GCM'],
  [OTHER_APP, 'GCM'],
  [APNS_APP, 'APNS'],
  [ADM_APP, 'ADM'],
]);

async function register(push: PushChannel, applicationArn: string, token: string): Promise<PushDevice> {
  const platform = PLATFORMS.get(applicationArn) ?? 'GCM';
  const endpoint = await push.register({ applicationArn, platform, token });
  return { deviceId: `device of ${applicationArn}`, platform, endpoint, registeredAt: 0 };
}

describe('the push channel with providers', () => {
  it('sends a message through the provider of its application, or through the fallback if that application has none', async () => {
    const push = open();
    const devices = [
      await register(push, GCM_APP, FCM_TOKEN),
      await register(push, APNS_APP, APNS_TOKEN),
      await register(push, ADM_APP, 'adm-token'),
      await register(push, OTHER_APP, FCM_TOKEN),
    ];
    for (const device of devices) await push.send(device, MESSAGE);
    expect(fcm.requests).toMatchObject([{ body: { message: { token: FCM_TOKEN } } }]);
    expect(apns.requests).toMatchObject([{ path: `/3/device/${APNS_TOKEN.toLowerCase()}` }]);
    expect(devices[2]?.endpoint).toMatch(
      /^arn:aws:sns:us-east-1:000000000000:endpoint\/ADM\/notes\/[0-9a-f-]{36}$/,
    );
    expect(inbox.devices()).toEqual([{ deviceId: `device of ${OTHER_APP}`, messages: 1 }]);
  });

  it('rejects the registration of a text that cannot be a device token, without quoting the text', async () => {
    const push = open();
    for (const arn of [GCM_APP, APNS_APP]) {
      const failure = await failureOf(register(push, arn, 'not a token'));
      expect(failure).toMatchObject({ name: 'PushError', reason: 'refused' });
      expect(String(failure)).toContain(arn);
      expect(String(failure)).not.toContain('not a token');
    }
  });

  it('reaches devices through the fallback if they registered before their application got a provider', async () => {
    const device = await register(open({}), GCM_APP, FCM_TOKEN);
    await open().send(device, MESSAGE);
    expect(inbox.devices()).toEqual([{ deviceId: device.deviceId, messages: 1 }]);
    expect(fcm.requests).toEqual([]);
  });

  it('fails a message, instead of giving the device token to the fallback, after the application lost its provider', async () => {
    const device = await register(open(), GCM_APP, FCM_TOKEN);
    for (const push of [open({}), open({ [APNS_APP]: apns.provider }), open({ [GCM_APP]: { sns: {} } })]) {
      const failure = await failureOf(push.send(device, MESSAGE));
      expect(failure).toMatchObject({ name: 'PushError', reason: 'failed' });
      expect(String(failure)).not.toContain(FCM_TOKEN);
    }
    expect(inbox.devices()).toEqual([]);
  });

  it('retries a temporary failure, and reports a rejected token immediately', async () => {
    const push = open();
    const device = await register(push, APNS_APP, APNS_TOKEN);
    apns.responses.push({ status: 503, body: { reason: 'ServiceUnavailable' } });
    await push.send(device, MESSAGE);
    expect(apns.requests).toHaveLength(2);
    apns.responses.push({ status: 410, body: { reason: 'Unregistered', timestamp: Date.now() } });
    expect(await failureOf(push.send(device, MESSAGE))).toMatchObject({ reason: 'disabled' });
    expect(apns.requests).toHaveLength(3);
  });
});
