import { describe, expect, it } from 'vitest';
import { readDeployedOrigin } from '../../../lib/move/read-deployed-origin.ts';

const ENV = { AWS_REGION: 'eu-west-1', ORIGIN_STREAM: 'old', AWS_ACCESS_KEY_ID: 'ROLE' };
const KEY = Buffer.alloc(32, 1);
const DEVELOPER = { accessKeyId: 'FIRST', secretAccessKey: 'hunter2' };

describe('the origin of a deployed function', () => {
  it('is Amazon’s service, called with the role of the function, without keys', () => {
    const settings = readDeployedOrigin(ENV, '');
    expect(settings).toMatchObject({ region: 'eu-west-1', streamName: 'old' });
    expect(settings).not.toHaveProperty('credentials');
    expect(settings).not.toHaveProperty('endpoint');
  });

  it('is another service if ORIGIN_ENDPOINT_URL is set, called with the first developer key of that service', () => {
    const env = { ...ENV, ORIGIN_ENDPOINT_URL: 'https://origin.example.com' };
    const keys = { developers: [DEVELOPER, { ...DEVELOPER, accessKeyId: 'SECOND' }] };
    const settings = readDeployedOrigin(
      env,
      JSON.stringify({ ...keys, tokenKeys: [KEY.toString('base64')] }),
    );
    expect(settings).toMatchObject({ endpoint: 'https://origin.example.com', credentials: DEVELOPER });
    expect(settings.tokenKeys).toEqual({ secrets: [KEY] });
    expect(readDeployedOrigin(env, JSON.stringify(keys)).tokenKeys).toBeUndefined();
  });

  it.each([
    ['without developers', { tokenKeys: [KEY.toString('base64')] }, 'developers is missing'],
    ['with an unknown member', { developers: [{ ...DEVELOPER, token: 'hunter2' }] }, 'invalid ORIGIN_KEYS'],
  ])('is rejected %s, without quoting a secret', (_, keys, problem) => {
    const read = () => readDeployedOrigin(ENV, JSON.stringify(keys));
    expect(read).toThrow(problem);
    expect(read).not.toThrow('hunter2');
  });
});
