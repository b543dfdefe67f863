import { describe, expect, it } from 'vitest';
import { SetupError } from '../../../lib/common/errors.ts';
import { callsPerSecond, readOriginSettings } from '../../../lib/move/read-origin-settings.ts';

const POOL = 'eu-west-1:00000000-0000-4000-8000-000000000001';
const read = (env: Record<string, string>) => readOriginSettings(env, POOL);

describe('the settings of the origin', () => {
  it("are Amazon's service in the region of the pool by default", () => {
    expect(read({})).toEqual({
      region: 'eu-west-1',
      streamName: 'cognito-sync',
      tokenKeys: {
        issuer: 'https://cognito-identity.amazonaws.com',
        jwksUri: 'https://cognito-identity.amazonaws.com/.well-known/jwks_uri',
      },
    });
  });

  it('come from the ORIGIN_* variables; the AWS_* variables are used only if those are unset', () => {
    const env = {
      AWS_REGION: 'us-west-2',
      AWS_ACCESS_KEY_ID: 'own',
      ORIGIN_REGION: 'us-east-1',
      ORIGIN_ENDPOINT_URL: 'https://sync.example.com/',
      ORIGIN_ACCESS_KEY_ID: 'key',
      ORIGIN_SECRET_ACCESS_KEY: 'secret',
      ORIGIN_SESSION_TOKEN: 'token',
      ORIGIN_STREAM: 'old',
    };
    expect(read(env)).toEqual({
      region: 'us-east-1',
      streamName: 'old',
      endpoint: 'https://sync.example.com',
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret', sessionToken: 'token' },
    });
    expect(read({ AWS_REGION: 'us-west-2' }).region).toBe('us-west-2');
  });

  it('say with which keys OpenID tokens of another origin are verified', () => {
    const ORIGIN_ENDPOINT_URL = 'https://sync.example.com';
    const [key, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const secrets = [key, other].map((each) => each.toString('base64')).join(', ');
    expect(read({ ORIGIN_ENDPOINT_URL }).tokenKeys).toBeUndefined();
    expect(read({ ORIGIN_ENDPOINT_URL, ORIGIN_TOKEN_KEYS: secrets }).tokenKeys).toEqual({
      secrets: [key, other],
    });
    const published = {
      ORIGIN_ISSUER: 'https://sync.example.com/',
      ORIGIN_JWKS_URI: 'https://sync.example.com/k',
    };
    expect(read({ ORIGIN_ENDPOINT_URL, ...published }).tokenKeys).toEqual({
      issuer: 'https://sync.example.com',
      jwksUri: 'https://sync.example.com/k',
    });
  });

  it('use the default credentials for an origin on this machine, unless a variable names other credentials', () => {
    const local = { ORIGIN_ENDPOINT_URL: 'http://127.0.0.1:4590' };
    expect(read(local).credentials).toEqual({ accessKeyId: 'local', secretAccessKey: 'local' });
    expect(read({ ...local, AWS_PROFILE: 'admin' }).credentials).toBeUndefined();
    expect(read({ ORIGIN_ENDPOINT_URL: 'https://sync.example.com' }).credentials).toBeUndefined();
  });

  it.each([
    'ftp://sync.example.com',
    'file:///etc/passwd',
    'origin.test',
    'https://user:pass@sync.example.com',
    'https://sync.example.com/path',
    'https://sync.example.com/?a=b',
    'https://sync.example.com/#a',
    'javascript:alert(1)',
  ])('reject the address %s without quoting it', (address) => {
    const settings = () => read({ ORIGIN_ENDPOINT_URL: address });
    expect(settings).toThrow(SetupError);
    expect(settings).toThrow('invalid ORIGIN_ENDPOINT_URL: use the HTTP or HTTPS address');
    expect(settings).not.toThrow(address);
  });

  it.each([
    [{ ORIGIN_REGION: 'here' }, 'invalid ORIGIN_REGION "here"'],
    [{ ORIGIN_STREAM: 'arn:aws:kinesis:us-east-1:0:stream/a' }, 'invalid ORIGIN_STREAM'],
    [{ ORIGIN_ACCESS_KEY_ID: 'key' }, 'set both ORIGIN_ACCESS_KEY_ID and ORIGIN_SECRET_ACCESS_KEY'],
    [{ ORIGIN_TOKEN_KEYS: 'c2hvcnQ=' }, 'at least 32 bytes'],
    [{ ORIGIN_TOKEN_KEYS: 'not base64!' }, 'invalid ORIGIN_TOKEN_KEYS'],
    [{ ORIGIN_JWKS_URI: 'http://sync.example.com/keys' }, 'invalid ORIGIN_JWKS_URI'],
    [{ ORIGIN_TOKEN_KEYS: 'x', ORIGIN_JWKS_URI: 'https://a.example' }, 'set either ORIGIN_TOKEN_KEYS'],
    [{ ORIGIN_SESSION_TOKEN: 'token' }, 'ORIGIN_SESSION_TOKEN only with them'],
  ])('reject %o', (env, message) => {
    expect(() => readOriginSettings(env, POOL)).toThrow(message);
  });

  it('contain the rate in ORIGIN_RATE, or a default that is lower for an origin on another machine', () => {
    const rateOf = (env: Record<string, string>) => callsPerSecond(readOriginSettings(env, POOL));
    expect(rateOf({})).toBe(10);
    expect(rateOf({ ORIGIN_ENDPOINT_URL: 'https://sync.example.com' })).toBe(10);
    expect(rateOf({ ORIGIN_ENDPOINT_URL: 'http://127.0.0.1:4590' })).toBe(1_000);
    expect(rateOf({ ORIGIN_RATE: '250', ORIGIN_ENDPOINT_URL: 'http://127.0.0.1:4590' })).toBe(250);
    for (const value of ['0', '1001', '1.5', 'fast'])
      expect(() => rateOf({ ORIGIN_RATE: value })).toThrow('invalid ORIGIN_RATE');
  });
});
