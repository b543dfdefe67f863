import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RegisterDeviceCommand, SetIdentityPoolConfigurationCommand } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeServerCertificate, noOpenssl } from '../fixtures/database/server-certificate.ts';
import { identityClient } from '../fixtures/identity/identity-credentials.ts';
import { runStart, type StartedProcess, startProcess } from '../fixtures/local/npm-start.ts';
import { type ApnsServer, startApnsServer } from '../fixtures/push/apns-server.ts';
import { type FcmServer, startFcmServer } from '../fixtures/push/fcm-server.ts';
import { APNS_APP, change, GCM_APP, type Person, subscribe } from '../fixtures/sync/push-devices.ts';
import { readPush } from '../fixtures/sync/push-readers.ts';
import { createSyncClient } from '../fixtures/wire/sync-client.ts';

const POOL = 'us-east-1:00000000-0000-4000-8000-000000000001';
const ADM_APP = 'arn:aws:sns:us-east-1:000000000000:app/ADM/notes';
const APNS_TOKEN = 'C0FFEE00'.repeat(8);
const FCM_TOKEN = 'fcm-instance:APA91b_secret';

describe('npm start with PUSH_PROVIDERS', () => {
  let directory: string;
  let fcm: FcmServer;
  let apns: ApnsServer;
  let started: StartedProcess;
  let person: Person;
  let phone: string;
  let tablet: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'push-providers-'));
    const certificate = noOpenssl ? undefined : await makeServerCertificate();
    fcm = await startFcmServer();
    apns = await startApnsServer(certificate);
    const settings = join(directory, 'push.json');
    await writeFile(settings, JSON.stringify({ [GCM_APP]: fcm.provider, [APNS_APP]: apns.provider }));
    await writeFile(join(directory, 'apns.crt'), certificate?.certificate ?? '');
    const DATA_DIR = join(directory, 'data');
    started = await startProcess({
      DATA_DIR,
      PUSH_PROVIDERS: settings,
      ...(certificate && { NODE_EXTRA_CA_CERTS: join(directory, 'apns.crt') }),
    });
    const developer = createSyncClient(started.url);
    const PushSync = { ApplicationArns: [APNS_APP, GCM_APP, ADM_APP] };
    await developer.send(new SetIdentityPoolConfigurationCommand({ IdentityPoolId: POOL, PushSync }));
    developer.destroy();
    const identity = { IdentityPoolId: POOL, IdentityId: `us-east-1:${randomUUID()}` };
    person = { identity, client: await identityClient({ url: started.url, dataDir: DATA_DIR }, identity) };
    await change(person, 'game');
    phone = await register('APNS', APNS_TOKEN);
    tablet = await register('GCM', FCM_TOKEN);
    for (const device of [phone, tablet]) await subscribe(person, 'game', device);
  }, 120_000);
  afterAll(async () => {
    await started.end('SIGTERM');
    await Promise.all([fcm.close(), apns.close()]);
    await rm(directory, { recursive: true, force: true });
  });

  async function register(Platform: 'APNS' | 'GCM' | 'ADM', Token: string): Promise<string> {
    const device = { ...person.identity, Platform, Token };
    const { DeviceId = '' } = await person.client.send(new RegisterDeviceCommand(device));
    return DeviceId;
  }

  const dataOf = (syncCount: number) => ({
    source: 'cognito-sync',
    identityPoolId: POOL,
    identityId: person.identity.IdentityId,
    datasetName: 'game',
    syncCount,
  });
  const disabledLines = () =>
    started
      .output()
      .split('\n')
      .filter((line) => line.includes('a device was disabled'));

  it('notifies each device of an update by the other device, through Google and Apple', async () => {
    await change(person, 'game', phone);
    await expect.poll(() => fcm.requests).toHaveLength(1);
    expect(fcm.requests[0]?.body).toEqual({
      message: { token: FCM_TOKEN, data: { ...dataOf(2), syncCount: '2' } },
    });
    await change(person, 'game', tablet);
    await expect.poll(() => apns.requests).toHaveLength(1);
    expect(apns.requests[0]).toMatchObject({
      path: `/3/device/${APNS_TOKEN.toLowerCase()}`,
      body: { aps: { 'content-available': 1 }, data: dataOf(3) },
    });
    expect(fcm.requests).toHaveLength(1);
  });

  it('sends messages of push applications that PUSH_PROVIDERS does not name to the inbox', async () => {
    const reader = await register('ADM', 'adm-token');
    await subscribe(person, 'game', reader);
    const inbox = await readPush(started.url, reader);
    await change(person, 'game');
    expect(await inbox.nextData()).toMatchObject({ datasetName: 'game', syncCount: '4' });
  });

  it('responds to an update before Apple responds to the push message, and later sends the message again', async () => {
    await expect.poll(() => apns.requests).toHaveLength(2);
    apns.responses.push(null);
    const start = performance.now();
    await change(person, 'game', tablet);
    expect(performance.now() - start).toBeLessThan(4_000);
    // After five seconds without a response, the service sends the message again.
    await expect.poll(() => apns.requests, { timeout: 20_000 }).toHaveLength(4);
  });

  it('does not notify a device again that Apple no longer knows, until it registers again', async () => {
    apns.requests.length = 0;
    apns.responses.push({ status: 410, body: { reason: 'Unregistered', timestamp: Date.now() } });
    await change(person, 'game', tablet);
    await expect.poll(disabledLines).toHaveLength(1);
    expect(disabledLines()[0]).toContain(phone);
    fcm.requests.length = 0;
    await change(person, 'game');
    await expect.poll(() => fcm.requests).toHaveLength(1);
    expect(apns.requests).toHaveLength(1);

    expect(await register('APNS', APNS_TOKEN)).toBe(phone);
    await change(person, 'game', tablet);
    await expect.poll(() => apns.requests).toHaveLength(2);
    expect(disabledLines()).toHaveLength(1);
  });

  it('never logs a token or a key', () => {
    for (const secret of [APNS_TOKEN, FCM_TOKEN, 'PRIVATE KEY', 'ya29.']) {
      expect(started.output().toLowerCase()).not.toContain(secret.toLowerCase());
    }
  });
});

it('npm start names what is wrong in PUSH_PROVIDERS', async () => {
  const PUSH_PROVIDERS = JSON.stringify({
    [GCM_APP]: { fcm: { serviceAcount: { private_key: 'hunter2' } } },
  });
  const { code, stderr } = await runStart({ PUSH_PROVIDERS });
  expect(code).toBe(1);
  expect(stderr).toContain(
    `invalid PUSH_PROVIDERS: ${GCM_APP} fcm does not have the member "serviceAcount"; did you mean serviceAccount?`,
  );
  expect(stderr).not.toContain('hunter2');
});
