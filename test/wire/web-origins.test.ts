import { describe, expect, it } from 'vitest';
import { sendRaw } from '../fixtures/wire/raw-http.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';

// The local cloud has its default credentials here. Any web page that reaches the local cloud could use these
// credentials to read and write.
const { cloud } = await openSharedCloud();

const IDENTITY_POOLS = {
  'X-Amz-Target': 'AWSCognitoIdentityService.GetId',
  'Content-Type': 'application/x-amz-json-1.1',
};
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const REQUESTS: [name: string, method: string, target: string, headers: Record<string, string>][] = [
  ['Cognito Sync', 'GET', '/identitypools', {}],
  ['a preflight request of Cognito Sync', 'OPTIONS', '/identitypools', {}],
  ['Cognito Identity', 'POST', '/', IDENTITY_POOLS],
  ['STS', 'POST', '/', FORM],
  ['a preflight request of Cognito Identity', 'OPTIONS', '/', {}],
];

const send = (method: string, target: string, headers: Record<string, string>) =>
  sendRaw(Number(new URL(cloud.url).port), method, target, headers);

describe.each(REQUESTS)('%s', (_, method, target, headers) => {
  it.each(['https://evil.example', 'null', 'http://localhost.evil.example', 'file://'])(
    'rejects pages of %s, which cannot read the response',
    async (Origin) => {
      const { status, body, headerLines } = await send(method, target, { ...headers, Origin });
      expect([status, body]).toEqual([403, '{"message":"this Origin is not allowed; add it to ORIGINS"}']);
      expect(headerLines.join()).not.toContain('Access-Control');
    },
  );

  it.each([
    'http://localhost:3000',
    'https://127.0.0.1:8443',
    'http://[::1]',
    'capacitor://localhost',
    'ionic://localhost',
  ])('accepts pages of %s', async (Origin) => {
    const { headerLines } = await send(method, target, { ...headers, Origin });
    expect(headerLines).toContain('Access-Control-Allow-Origin: *');
  });

  it('accepts requests without an Origin header, because no web page sent them', async () => {
    expect((await send(method, target, headers)).headerLines).toContain('Access-Control-Allow-Origin: *');
  });
});
