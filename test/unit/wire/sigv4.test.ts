import { SignatureV4 } from '@smithy/signature-v4';
import { describe, expect, it } from 'vitest';
import { createSigV4Verifier, type RawRequest } from '../../../lib/wire/sigv4.ts';
import { DEVELOPER, findCredentials, Sha256, verifyComplete } from '../../fixtures/wire/signing.ts';

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0);
const MINUTE = 60_000;

interface Signing {
  secret?: string;
  region?: string;
  service?: string;
  at?: number;
  method?: string;
  path?: string;
  query?: Record<string, string | string[]>;
  target?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** Signs a request as the AWS SDK does. */
async function sign({
  secret = 'local',
  region = 'us-east-1',
  service = 'kinesis',
  at = NOW,
  ...request
}: Signing = {}): Promise<RawRequest> {
  const { method = 'POST', path = '/', query = {}, headers = {}, body = '{}' } = request;
  const signer = new SignatureV4({
    credentials: { accessKeyId: 'local', secretAccessKey: secret },
    region,
    service,
    sha256: Sha256,
  });
  const signed = await signer.sign(
    {
      method,
      protocol: 'http:',
      hostname: '127.0.0.1',
      port: 4580,
      path,
      query,
      headers: { host: '127.0.0.1:4580', ...headers },
      body,
    },
    { signingDate: new Date(at) },
  );
  return { method, target: request.target ?? path, headers: signed.headers, body: Buffer.from(body) };
}

const verifyHead = createSigV4Verifier({
  region: 'us-east-1',
  findCredentials,
  now: () => NOW,
});
const verify = verifyComplete(verifyHead);

describe('a signature is accepted', () => {
  it('in the example from AWS’s documentation', () => {
    const verifyExample = createSigV4Verifier({
      region: 'us-east-1',
      findCredentials: () => ({
        secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
        caller: DEVELOPER,
      }),
      now: () => Date.UTC(2015, 7, 30, 12, 36, 0),
    });
    const request = {
      method: 'GET',
      target: '/',
      headers: {
        host: 'example.amazonaws.com',
        'x-amz-date': '20150830T123600Z',
        authorization:
          'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
      },
      body: Buffer.alloc(0),
    };
    expect(verifyComplete(verifyExample)(request, 'service')).toEqual(DEVELOPER);
  });

  it.each<[string, Signing]>([
    [
      'with a body',
      { body: '{"StreamName":"é"}', headers: { 'x-amz-target': 'Kinesis_20131202.PutRecord' } },
    ],
    ['without a body', { method: 'GET', body: '' }],
    ['over a path with encoded colons', { path: '/identitypools/us-east-1%3Aabc/identities/x' }],
    [
      'over a query in any order',
      {
        path: '/p',
        query: { b: '2', a: ['y', 'x'], 'e m': 'é&=+' },
        target: '/p?e%20m=%C3%A9%26%3D%2B&b=2&a=y&a=x',
      },
    ],
    ['over header values with spaces', { headers: { 'x-amz-meta': '  a   b ' } }],
    ['over a path with relative and empty segments, which clients remove', { path: '/a/./b/../..//c' }],
    ['over a path that ends with a slash', { path: '/a/../b/' }],
    ['14 minutes late', { at: NOW - 14 * MINUTE }],
    ['14 minutes early', { at: NOW + 14 * MINUTE }],
  ])('%s', async (_, signing) => {
    expect(verify(await sign(signing), 'kinesis')).toEqual(DEVELOPER);
  });
});

describe('a signature is rejected', () => {
  it.each<[string, Signing, string]>([
    ['of another secret', { secret: 'guess' }, 'The request signature we calculated does not match'],
    ['for another region', { region: 'eu-west-1' }, "scoped to a valid region: 'us-east-1'"],
    ['for another service', { service: 'cognito-sync' }, "scoped to correct service: 'kinesis'"],
    [
      '16 minutes late',
      { at: NOW - 16 * MINUTE },
      'Signature expired: 20260101T114400Z is now earlier than 20260101T114500Z',
    ],
    ['16 minutes early', { at: NOW + 16 * MINUTE }, 'Signature not yet current'],
  ])('%s', async (_, signing, message) => {
    const request = await sign(signing);
    expect(() => verify(request, 'kinesis')).toThrow(
      expect.objectContaining({
        code: 'InvalidSignatureException',
        message: expect.stringContaining(message),
      }),
    );
  });

  it.each<[string, (request: RawRequest) => RawRequest]>([
    ['method', (request) => ({ ...request, method: 'PUT' })],
    ['path', (request) => ({ ...request, target: '/other' })],
    ['query', (request) => ({ ...request, target: '/?x=1' })],
    ['body', (request) => ({ ...request, body: Buffer.from('{ }') })],
    ['signed header', (request) => ({ ...request, headers: { ...request.headers, host: 'elsewhere' } })],
    [
      'claimed body hash',
      (request) => ({
        ...request,
        headers: { ...request.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
      }),
    ],
    [
      'unsigned target',
      (request) => ({
        ...request,
        headers: { ...request.headers, 'x-amz-target': 'Kinesis_20131202.DeleteStream' },
      }),
    ],
  ])('if the %s was changed', async (_, change) => {
    const request = change(await sign());
    expect(() => verify(request, 'kinesis')).toThrow(
      expect.objectContaining({ code: 'InvalidSignatureException' }),
    );
  });

  const withAuthorization = async (change: (authorization: string) => string | undefined) => {
    const request = await sign();
    const { authorization, ...headers } = request.headers;
    const changed = change(String(authorization));
    return { ...request, headers: changed === undefined ? headers : { ...headers, authorization: changed } };
  };

  it.each<[string, (authorization: string) => string | undefined, string]>([
    ['missing', () => undefined, 'MissingAuthenticationTokenException'],
    ['of another kind', () => 'Basic bG9jYWw6bG9jYWw=', 'IncompleteSignatureException'],
    ['empty', () => '', 'IncompleteSignatureException'],
    ['without a signature', (text) => text.replace(/, Signature=.*/, ''), 'IncompleteSignatureException'],
    [
      'without a scope',
      (text) => text.replace(/Credential=[^,]*/, 'Credential=local'),
      'IncompleteSignatureException',
    ],
    [
      'of an unknown key',
      (text) => text.replace('Credential=local', 'Credential=unknown'),
      'UnrecognizedClientException',
    ],
    ['of another day', (text) => text.replace('20260101', '20251231'), 'InvalidSignatureException'],
    [
      'over names of members that every object has',
      (text) => text.replace('SignedHeaders=', 'SignedHeaders=__proto__;constructor;'),
      'InvalidSignatureException',
    ],
    ['truncated', (text) => text.slice(0, -2), 'InvalidSignatureException'],
    ['not hexadecimal', (text) => text.replace(/Signature=.*/, 'Signature=xyz'), 'InvalidSignatureException'],
    ['without the host signed', (text) => text.replace('host;', ''), 'InvalidSignatureException'],
  ])('if it is %s', async (_, change, code) => {
    const request = await withAuthorization(change);
    expect(() => verify(request, 'kinesis')).toThrow(
      expect.objectContaining({ name: 'SignatureError', code }),
    );
  });

  it('without a date', async () => {
    const request = await sign();
    const { 'x-amz-date': _, ...headers } = request.headers;
    expect(() => verify({ ...request, headers }, 'kinesis')).toThrow(
      expect.objectContaining({ code: 'IncompleteSignatureException' }),
    );
  });
});

describe('the head of a request', () => {
  it.each<[string, Signing, (text: string) => string | undefined]>([
    ['is not signed', {}, () => undefined],
    ['names an unknown key', {}, (text) => text.replace('Credential=local', 'Credential=unknown')],
    ['is signed for another region', { region: 'eu-west-1' }, (text) => text],
    ['is signed for another service', { service: 'cognito-sync' }, (text) => text],
    ['is 16 minutes late', { at: NOW - 16 * MINUTE }, (text) => text],
    ['has an unsigned host', {}, (text) => text.replace('host;', '')],
  ])('is rejected before its body is read if it %s', async (_, signing, change) => {
    const { authorization, ...headers } = (await sign(signing)).headers;
    const changed = change(String(authorization));
    const head = {
      method: 'POST',
      target: '/',
      headers: changed === undefined ? headers : { ...headers, authorization: changed },
    };
    expect(() => verifyHead(head, 'kinesis')).toThrow(expect.objectContaining({ name: 'SignatureError' }));
  });

  it('names the claimed caller; confirm() returns this caller only if the body matches the signature', async () => {
    const { body, ...head } = await sign();
    const signature = verifyHead(head, 'kinesis');
    expect(signature.claimant).toEqual(DEVELOPER);
    expect(signature.confirm(body)).toEqual(DEVELOPER);
    expect(() => signature.confirm(Buffer.from('other'))).toThrow(
      expect.objectContaining({ code: 'InvalidSignatureException' }),
    );
  });
});
