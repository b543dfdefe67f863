import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SetupError } from '../../../lib/common/errors.ts';
import { readPushProviders } from '../../../lib/common/read-push-providers.ts';

const pem = { type: 'pkcs8', format: 'pem' } as const;
const RSA = String(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(pem));
const P256 = String(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export(pem));
const P384 = String(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey.export(pem));

const app = (platform: string) => `arn:aws:sns:eu-west-1:000000000000:app/${platform}/notes`;
const [GCM, APNS, SANDBOX, ADM] = [app('GCM'), app('APNS'), app('APNS_SANDBOX'), app('ADM')];
const ACCOUNT = {
  type: 'service_account',
  project_id: 'notes-app',
  private_key_id: '0123456789abcdef',
  private_key: RSA,
  client_email: 'push@notes-app.iam.gserviceaccount.com',
  client_id: '1',
};
const TEAM = { key: P256, keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ', topic: 'com.example.notes' };

const read = (value: unknown) => readPushProviders({ PUSH_PROVIDERS: JSON.stringify(value) });
const readFcm = (change: object, more: object = {}) =>
  read({ [GCM]: { fcm: { serviceAccount: { ...ACCOUNT, ...change }, ...more } } });
const readApns = (change: object, arn = APNS) => read({ [arn]: { apns: { ...TEAM, ...change } } });

describe('PUSH_PROVIDERS', () => {
  it('contains no provider by default', () => {
    expect(readPushProviders({})).toEqual(new Map());
    expect(readPushProviders({ PUSH_PROVIDERS: '' })).toEqual(new Map());
  });

  it('contains the provider of each push application', () => {
    const providers = read({
      [GCM]: { fcm: { serviceAccount: ACCOUNT } },
      [APNS]: { apns: { ...TEAM, production: true } },
      [SANDBOX]: { apns: TEAM },
      [ADM]: { sns: {} },
    });
    expect(Object.fromEntries(providers)).toMatchObject({
      [GCM]: {
        kind: 'fcm',
        projectId: 'notes-app',
        clientEmail: ACCOUNT.client_email,
        privateKeyId: ACCOUNT.private_key_id,
        privateKey: { asymmetricKeyType: 'rsa' },
        tokenUri: 'https://oauth2.googleapis.com/token',
        endpoint: 'https://fcm.googleapis.com',
      },
      [APNS]: {
        kind: 'apns',
        key: { asymmetricKeyType: 'ec' },
        keyId: TEAM.keyId,
        teamId: TEAM.teamId,
        topic: TEAM.topic,
        endpoint: 'https://api.push.apple.com',
      },
      [SANDBOX]: { kind: 'apns', endpoint: 'https://api.sandbox.push.apple.com' },
      [ADM]: { kind: 'sns', region: 'eu-west-1', credentials: null, endpoint: null },
    });
  });

  it('can replace the default addresses of the providers, and can contain credentials for SNS', () => {
    const providers = read({
      [GCM]: {
        fcm: {
          serviceAccount: { ...ACCOUNT, token_uri: 'http://127.0.0.1:9/token' },
          endpoint: 'http://localhost:9/',
        },
      },
      [APNS]: {
        sns: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'a/secret+', endpoint: 'https://sns.example' },
      },
    });
    expect(Object.fromEntries(providers)).toMatchObject({
      [GCM]: { tokenUri: 'http://127.0.0.1:9/token', endpoint: 'http://localhost:9' },
      [APNS]: {
        credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'a/secret+' },
        endpoint: 'https://sns.example',
      },
    });
  });

  it('can be the path of a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'push-providers-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, 'push.json');
    await writeFile(path, JSON.stringify({ [GCM]: { fcm: { serviceAccount: ACCOUNT } } }));
    expect([...readPushProviders({ PUSH_PROVIDERS: path }).keys()]).toEqual([GCM]);
    expect(() => readPushProviders({ PUSH_PROVIDERS: join(folder, 'missing.json') })).toThrow(
      'invalid PUSH_PROVIDERS: the value is not JSON, and a file with this path cannot be read (ENOENT)',
    );
  });

  it.each(['[]', '""', 'null', '12'])('rejects %s, which is JSON but not an object', (text) => {
    expect(() => readPushProviders({ PUSH_PROVIDERS: text })).toThrow(
      'invalid PUSH_PROVIDERS: the value is JSON, but not an object; use a JSON object or the path of a file with one',
    );
  });

  it.each<[string, () => unknown]>([
    ['"GCM" is not the ARN of a push application', () => read({ GCM: {} })],
    [`"${app('WNS')}" is not the ARN of a push application`, () => read({ [app('WNS')]: {} })],
    [`${GCM} is not an object`, () => read({ [GCM]: null })],
    [`${GCM} must have exactly one of the members fcm and sns`, () => read({ [GCM]: {} })],
    [`${GCM} must have exactly one of`, () => read({ [GCM]: { fcm: {}, sns: {} } })],
    [`${GCM} does not have the member "fcmm"; did you mean fcm?`, () => read({ [GCM]: { fcmm: {} } })],
    [`${GCM} does not have the member "apns"; use fcm, sns`, () => read({ [GCM]: { apns: {} } })],
    [`${APNS} does not have the member "fcm"`, () => read({ [APNS]: { fcm: {} } })],
    [
      `${GCM} fcm.serviceAccount must be the content`,
      () => read({ [GCM]: { fcm: { serviceAccount: '/a' } } }),
    ],
    [`${GCM} fcm.serviceAccount.project_id is missing`, () => readFcm({ project_id: undefined })],
    [`${GCM} fcm.serviceAccount.client_email does not have`, () => readFcm({ client_email: 'push' })],
    [`${GCM} fcm.serviceAccount.private_key must be the private key`, () => readFcm({ private_key: P256 })],
    [
      `${GCM} fcm.serviceAccount.token_uri must be an https URL`,
      () => readFcm({ token_uri: 'http://a.example' }),
    ],
    [`${GCM} fcm.endpoint must be an https URL`, () => readFcm({}, { endpoint: 'http://a.example' })],
    [
      `${GCM} fcm does not have the member "endpoints"`,
      () => readFcm({}, { endpoints: 'https://a.example' }),
    ],
    [`${APNS} apns.key must be the private key as PEM text, a P-256 key`, () => readApns({ key: P384 })],
    [`${APNS} apns.key must be the private key`, () => readApns({ key: 'AuthKey_ABC123DEFG.p8' })],
    [`${APNS} apns.keyId does not have the expected form`, () => readApns({ keyId: 'abc' })],
    [`${APNS} apns.teamId is missing`, () => readApns({ teamId: undefined })],
    [`${APNS} apns.topic does not have`, () => readApns({ topic: 'a b' })],
    [`${APNS} apns.production must be true`, () => readApns({ production: false })],
    [`${SANDBOX} apns.production must be false`, () => readApns({ production: true }, SANDBOX)],
    [`${ADM} sns has only one of`, () => read({ [ADM]: { sns: { accessKeyId: 'AKID' } } })],
  ])('is rejected: %s', (message, readInvalid) => {
    expect(readInvalid).toThrow(SetupError);
    expect(readInvalid).toThrow(`invalid PUSH_PROVIDERS: ${message}`);
  });

  it('is never quoted in a message', () => {
    const secret = `${RSA.slice(0, 100)}-broken`;
    expect(() => readFcm({ private_key: secret })).not.toThrow(secret.slice(30, 60));
    expect(() => readPushProviders({ PUSH_PROVIDERS: `{"${secret}` })).not.toThrow('MII');
  });
});
