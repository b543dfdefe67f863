import { randomUUID } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { describe, expect, it } from 'vitest';
import {
  CREDENTIALS_LIFETIME_MS,
  createTemporaryCredentials,
} from '../../../lib/identity/temporary-credentials.ts';
import { createSessionTokens } from '../../../lib/sync/session-token.ts';
import { createFindCredentials } from '../../../lib/wire/find-credentials.ts';
import { createSigV4Verifier, type RawRequest } from '../../../lib/wire/sigv4.ts';
import { NEW_YEAR } from '../../fixtures/sync/stream-events.ts';
import { Sha256, verifyComplete } from '../../fixtures/wire/signing.ts';

const KEY = Buffer.alloc(32, 3);
const IDENTITY = { identityPoolId: 'us-east-1:aaaa', identityId: 'us-east-1:bbbb' };
const OTHER = { identityPoolId: 'us-east-1:aaaa', identityId: 'us-east-1:cccc' };

function issuer(now = NEW_YEAR, key = KEY) {
  return createTemporaryCredentials({ keys: [key], now: () => now, randomId: randomUUID });
}

describe('temporary credentials', () => {
  it('are valid for one identity for an hour', () => {
    const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = issuer().issue(IDENTITY);
    expect(accessKeyId).toMatch(/^ASIA[0-9A-F]{16}$/);
    expect(expiresAt).toBe(NEW_YEAR + 60 * 60 * 1000);
    expect(issuer(expiresAt - 1).open(accessKeyId, sessionToken)).toEqual({
      state: 'valid',
      secretAccessKey,
      identity: IDENTITY,
    });
    expect(issuer(expiresAt).open(accessKeyId, sessionToken)).toEqual({ state: 'expired' });
  });

  it('are new on each call, with a new secret access key', () => {
    const [one, two] = [issuer().issue(IDENTITY), issuer().issue(IDENTITY)];
    expect(new Set([one.accessKeyId, two.accessKeyId]).size).toBe(2);
    expect(new Set([one.secretAccessKey, two.secretAccessKey]).size).toBe(2);
  });

  const own = issuer().issue(IDENTITY);
  const others = issuer().issue(OTHER);
  const dataset = { ...IDENTITY, datasetName: 'game' };
  const syncTokens = createSessionTokens({ keys: [KEY], now: () => NEW_YEAR, randomId: randomUUID });
  it.each([
    ['the access key of another identity', others.accessKeyId, own.sessionToken],
    ['a changed token', own.accessKeyId, `A${own.sessionToken.slice(1)}`],
    ['an empty token', own.accessKeyId, ''],
    ['a long text', own.accessKeyId, 'x'.repeat(100_000)],
    ['a sync session token', own.accessKeyId, syncTokens.issue(syncTokens.begin(null), dataset)],
    [
      'a token of another key',
      own.accessKeyId,
      issuer(NEW_YEAR, Buffer.alloc(32, 4)).issue(IDENTITY).sessionToken,
    ],
  ])('cannot be opened with %s', (_, accessKeyId, token) => {
    expect(issuer().open(accessKeyId, token)).toEqual({ state: 'invalid' });
  });
});

describe('the signer of a request', () => {
  const developer = { accessKeyId: 'local', secretAccessKey: 'local' };
  const verifyAt = (now: number) =>
    verifyComplete(
      createSigV4Verifier({
        region: 'us-east-1',
        findCredentials: createFindCredentials({
          developers: [developer],
          accountId: '000000000000',
          temporary: issuer(now),
        }),
        now: () => now,
      }),
    );

  async function signed(
    credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
    now = NEW_YEAR,
  ): Promise<RawRequest> {
    const signer = new SignatureV4({
      credentials,
      region: 'us-east-1',
      service: 'cognito-sync',
      sha256: Sha256,
    });
    const { headers } = await signer.sign(
      {
        method: 'GET',
        protocol: 'http:',
        hostname: '127.0.0.1',
        path: '/',
        query: {},
        headers: { host: '127.0.0.1' },
      },
      { signingDate: new Date(now) },
    );
    return { method: 'GET', target: '/', headers, body: Buffer.alloc(0) };
  }

  it('is the developer if there is no session token', async () => {
    expect(verifyAt(NEW_YEAR)(await signed(developer), 'cognito-sync')).toEqual({
      kind: 'developer',
      accountId: '000000000000',
    });
  });

  it('is the identity for which the session token was issued', async () => {
    const request = await signed(issuer().issue(IDENTITY));
    expect(verifyAt(NEW_YEAR)(request, 'cognito-sync')).toEqual({ kind: 'identity', ...IDENTITY });
  });

  const credentials = issuer().issue(IDENTITY);
  const unknownClient = { code: 'UnrecognizedClientException' };
  it.each([
    ['without its session token', { ...credentials, sessionToken: undefined }, unknownClient],
    [
      'as a developer with a session token',
      { ...developer, sessionToken: credentials.sessionToken },
      { ...unknownClient, message: expect.stringContaining('unset AWS_SESSION_TOKEN') },
    ],
    [
      'with the session token of another identity',
      { ...credentials, sessionToken: issuer().issue(OTHER).sessionToken },
      unknownClient,
    ],
    [
      'with another secret',
      { ...credentials, secretAccessKey: 'local' },
      { code: 'InvalidSignatureException' },
    ],
  ])('is rejected %s', async (_, { sessionToken, ...keys }, error) => {
    const request = await signed(sessionToken === undefined ? keys : { ...keys, sessionToken });
    const verify = verifyAt(NEW_YEAR);
    expect(() => verify(request, 'cognito-sync')).toThrow(expect.objectContaining(error));
  });

  it('is rejected an hour after its credentials were issued', async () => {
    const later = NEW_YEAR + CREDENTIALS_LIFETIME_MS;
    const request = await signed(credentials, later);
    const verify = verifyAt(later);
    expect(() => verify(request, 'cognito-sync')).toThrow(
      expect.objectContaining({
        code: 'ExpiredTokenException',
        message: 'The security token included in the request is expired',
      }),
    );
  });

  it('is rejected if the session token was added after signing', async () => {
    const { sessionToken, ...keys } = credentials;
    const request = await signed(keys);
    const added = { ...request, headers: { ...request.headers, 'x-amz-security-token': sessionToken } };
    const verify = verifyAt(NEW_YEAR);
    expect(() => verify(added, 'cognito-sync')).toThrow(
      "'x-amz-security-token' must be a 'SignedHeader' in the AWS Authorization.",
    );
  });
});
