import { describe, expect, it } from 'vitest';
import { SetupError } from '../../../lib/common/errors.ts';
import { createSettingsReader, parseServiceSettings } from '../../../lib/wire/service/service-settings.ts';

const TOKEN_KEY = Buffer.alloc(32, 7).toString('base64');
const developers = [{ accessKeyId: 'AKID', secretAccessKey: 'a-secret' }];
const KEYS = JSON.stringify({ developers, tokenKeys: [TOKEN_KEY] });
const ADM_APP = 'arn:aws:sns:us-east-1:000000000000:app/ADM/notes';
const PUSH = `{"${ADM_APP}":{"sns":{}}}`;
const PROVIDERS = '{"login.example.com":{"clientIds":["app"]}}';

const reading = (secrets: Readonly<Record<string, string>>) => (id: { secretId: string }) => async () =>
  secrets[id.secretId] ?? '';
const none = reading({});

describe('the settings of the service in AWS', () => {
  it('come from the environment variables, or from the secrets that the variables name', async () => {
    const texts = { keys: KEYS, loginProviders: PROVIDERS, pushProviders: PUSH, originKeys: '' };
    const given = { SERVICE_KEYS: KEYS, LOGIN_PROVIDERS: PROVIDERS, PUSH_PROVIDERS: PUSH };
    expect(await createSettingsReader(given, none)()).toEqual(texts);
    const named = {
      SERVICE_KEYS_SECRET: 'keys',
      LOGIN_PROVIDERS_SECRET: 'logins',
      PUSH_PROVIDERS_SECRET: 'push',
    };
    const secrets = { keys: KEYS, logins: PROVIDERS, push: PUSH };
    expect(await createSettingsReader(named, reading(secrets))()).toEqual(texts);
    expect(parseServiceSettings(texts)).toEqual({
      developers,
      tokenKeys: [Buffer.alloc(32, 7)],
      loginProviders: new Map([['login.example.com', { clientIds: ['app'] }]]),
      pushProviders: new Map([
        [ADM_APP, { kind: 'sns', region: 'us-east-1', credentials: null, endpoint: null }],
      ]),
    });
  });

  it('need neither login providers nor push providers', async () => {
    const texts = await createSettingsReader({ SERVICE_KEYS: KEYS }, none)();
    const { loginProviders, pushProviders } = parseServiceSettings(texts);
    expect([loginProviders, pushProviders]).toEqual([new Map(), new Map()]);
  });

  it.each([
    ['neither SERVICE_KEYS nor SERVICE_KEYS_SECRET is set', {}],
    [
      'SERVICE_KEYS and SERVICE_KEYS_SECRET are both set',
      { SERVICE_KEYS: KEYS, SERVICE_KEYS_SECRET: 'keys' },
    ],
    ['invalid SERVICE_KEYS_SECRET: it is not the name', { SERVICE_KEYS_SECRET: KEYS }],
    [
      'LOGIN_PROVIDERS and LOGIN_PROVIDERS_SECRET are both set',
      { SERVICE_KEYS: KEYS, LOGIN_PROVIDERS: '{}', LOGIN_PROVIDERS_SECRET: 'x' },
    ],
    [
      'PUSH_PROVIDERS and PUSH_PROVIDERS_SECRET are both set',
      { SERVICE_KEYS: KEYS, PUSH_PROVIDERS: '{}', PUSH_PROVIDERS_SECRET: 'x' },
    ],
  ])('are rejected: %s', (problem, env) => {
    expect(() => createSettingsReader(env, none)).toThrow(problem);
  });

  it('are not read from a file that a secret names', async () => {
    const read = createSettingsReader({ SERVICE_KEYS_SECRET: 'keys' }, reading({ keys: '/etc/hostname' }));
    await expect(read()).rejects.toThrow(
      'the secret keys in SERVICE_KEYS_SECRET does not contain a JSON object',
    );
  });

  it.each([
    ['developers and tokenKeys are required', JSON.stringify({ tokenKeys: [TOKEN_KEY] })],
    ['developers and tokenKeys are required', JSON.stringify({ developers })],
    ['is public knowledge', KEYS.replace('a-secret', 'local')],
    [
      'developers[0].secretAccessKey is missing',
      KEYS.replace('"secretAccessKey":"a-secret"', '"x":"a-secret"').replace(',"x":"a-secret"', ''),
    ],
  ])('are rejected without quoting a secret: %s', (problem, keys) => {
    const parse = () => parseServiceSettings({ keys, loginProviders: '', pushProviders: '' });
    expect(parse).toThrow(SetupError);
    expect(parse).toThrow(problem);
    expect(parse).not.toThrow('a-secret');
  });
});
