import { describe, expect, it } from 'vitest';
import { InvalidEventError } from '../../../lib/wire/lambda/event-members.ts';
import { readEvent } from '../../../lib/wire/lambda/read-event.ts';
import { createSigV4Verifier } from '../../../lib/wire/sigv4.ts';
import { createSourceAddresses } from '../../../lib/wire/source-address.ts';
import {
  functionUrlEvent,
  loadBalancerEvent,
  restApiEvent,
  type SentRequest,
} from '../../fixtures/aws/lambda-events.ts';
import { DEVELOPER, findCredentials, localSigner } from '../../fixtures/wire/signing.ts';

const POOL = encodeURIComponent('us-east-1:00000000-0000-4000-8000-000000000001');
const HOST = 'service.example';
const direct = createSourceAddresses([]);
const verify = createSigV4Verifier({ region: 'us-east-1', findCredentials, now: Date.now });

/** Signs a request as AWS's SDKs do. */
async function sign(
  method: string,
  path: string,
  {
    query = {},
    body = '',
    headers = {},
  }: { query?: Record<string, string>; body?: string; headers?: object } = {},
): Promise<SentRequest> {
  const signed = await localSigner('cognito-sync').sign({
    method,
    protocol: 'https:',
    hostname: HOST,
    path,
    query,
    headers: { host: HOST, 'content-type': 'application/json', ...headers },
    body,
  });
  const search = Object.entries(query)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
  return {
    method,
    target: search === '' ? path : `${path}?${search}`,
    headers: Object.entries(signed.headers),
    body: Buffer.from(body),
  };
}

/** Converts the event and returns the caller, as the service does. */
function callerOf(event: unknown) {
  const { request } = readEvent(event, direct);
  return verify(request, 'cognito-sync').confirm(request.body);
}

const PATH = `/identitypools/${POOL}/identities/${POOL}/datasets/a%2Fb.%20%C3%A9/records`;
const REQUESTS: [string, () => Promise<SentRequest>][] = [
  ['a percent-encoded path and query', () => sign('GET', PATH, { query: { nextToken: 'a+b/c=&é %' } })],
  ['a JSON body', () => sign('POST', PATH, { body: '{"Value":"ü \\u0000 \\" €"}' })],
  [
    'a body of another type',
    () => sign('POST', PATH, { body: '{"é":1}', headers: { 'content-type': 'application/x-amz-json-1.1' } }),
  ],
  ['no body', () => sign('DELETE', PATH)],
];

describe.each([
  ['a function URL', (sent: SentRequest) => functionUrlEvent(sent)],
  ['a load balancer', (sent: SentRequest) => loadBalancerEvent(sent)],
  [
    'a load balancer with multi-value headers',
    (sent: SentRequest) => loadBalancerEvent(sent, { multiValueHeaders: true }),
  ],
  ['a REST API on a custom domain', (sent: SentRequest) => restApiEvent(sent)],
])('an event of %s', (_entryPoint, toEvent) => {
  it.each(REQUESTS)('keeps the signature of %s', async (_what, request) => {
    expect(callerOf(toEvent(await request()))).toEqual(DEVELOPER);
  });

  it('has the path, the client address and the length of the body', async () => {
    const body = '{"é":1}';
    const { request } = readEvent(toEvent(await sign('POST', PATH, { body })), direct);
    expect(request).toMatchObject({ method: 'POST', target: PATH, sourceAddress: '192.0.2.1' });
    expect(Buffer.from(request.body).toString()).toBe(body);
    expect(request.headers['content-length']).toBe('8');
  });
});

describe('an event of a REST API', () => {
  it('keeps the signature of a path with the stage, and finds the service below the stage', async () => {
    const sent = await sign('GET', `/prod${PATH}`);
    expect(readEvent(restApiEvent(sent), direct).request.target).toBe(PATH);
    expect(callerOf(restApiEvent(sent))).toEqual(DEVELOPER);
    const root = await sign('POST', '/prod/');
    expect(readEvent(restApiEvent(root), direct).request.target).toBe('/');
    expect(callerOf(restApiEvent(root))).toEqual(DEVELOPER);
  });

  it('keeps the signature if API Gateway has renamed headers', async () => {
    const { headers, ...sent } = await sign('GET', PATH);
    const renamed = headers.map(([name, value]): [string, string] =>
      name === 'authorization' || name === 'host'
        ? [`X-Amzn-Remapped-${name === 'host' ? 'Host' : 'Authorization'}`, value]
        : [name, value],
    );
    renamed.push(['Host', 'abc.execute-api.us-east-1.amazonaws.com']);
    expect(callerOf(restApiEvent({ ...sent, headers: renamed }))).toEqual(DEVELOPER);
  });

  it('ignores a header with the prefix of renamed headers if API Gateway does not rename this header', async () => {
    const { headers, ...sent } = await sign('GET', PATH, { headers: { origin: 'https://app.example' } });
    const added = [
      ['X-Amzn-Remapped-Origin', 'https://other.example'],
      ['X-Amzn-Remapped-Content-Length', '999999'],
      ['X-Amzn-Remapped-X-Forwarded-For', '203.0.113.9'],
    ] as const;
    const { request } = readEvent(restApiEvent({ ...sent, headers: [...headers, ...added] }), direct);
    expect(request.headers).toMatchObject({ origin: 'https://app.example', 'content-length': '0' });
    expect(request.headers).not.toHaveProperty('x-forwarded-for');
  });
});

describe('headers of an event', () => {
  it('include repeated headers and cookies as they were signed', async () => {
    const headers = { 'x-amz-note': 'a,b', cookie: 'one=1; two=2' };
    const { headers: lines, ...sent } = await sign('GET', PATH, { headers });
    const repeated = lines.flatMap(([name, value]): [string, string][] =>
      name === 'x-amz-note'
        ? [
            [name, 'a'],
            [name, 'b'],
          ]
        : [[name, value]],
    );
    expect(callerOf(functionUrlEvent({ ...sent, headers: repeated }))).toEqual(DEVELOPER);
    const toBalancer = { multiValueHeaders: true };
    expect(callerOf(loadBalancerEvent({ ...sent, headers: repeated }, toBalancer))).toEqual(DEVELOPER);
  });

  it('may include the unsigned x-amz header that CloudFront adds, but no further unsigned x-amz header', async () => {
    const { headers, ...sent } = await sign('GET', PATH);
    const through = (name: string) => functionUrlEvent({ ...sent, headers: [...headers, [name, 'added']] });
    expect(callerOf(through('X-Amz-Cf-Id'))).toEqual(DEVELOPER);
    expect(() => callerOf(through('X-Amz-Meta'))).toThrow("'x-amz-meta' must be a 'SignedHeader'");
  });
});

describe('the client address of an event', () => {
  it('is the right-most address that the load balancer forwards', async () => {
    const sent = await sign('GET', PATH);
    const address = (forwardedFor: string) =>
      readEvent(loadBalancerEvent(sent, { forwardedFor }), direct).request.sourceAddress;
    expect(address('203.0.113.9, 192.0.2.7')).toBe('192.0.2.7');
    expect(address('')).toBeUndefined();
    expect(address('203.0.113.9, unknown')).toBeUndefined();
  });

  it('has no port, although the load balancer may append one', async () => {
    const sent = await sign('GET', PATH);
    const address = (forwardedFor: string) =>
      readEvent(loadBalancerEvent(sent, { forwardedFor }), direct).request.sourceAddress;
    expect(address('192.0.2.7:4321')).toBe('192.0.2.7');
    expect(address('[2001:db8::7]:4321')).toBe('2001:db8::7');
  });

  it('is the address before the trusted proxies', async () => {
    const { headers, ...sent } = await sign('GET', PATH);
    const forwarded = [...headers, ['x-forwarded-for', '203.0.113.9, 198.51.100.3']] as const;
    const event = functionUrlEvent({ ...sent, headers: forwarded }, { sourceIp: '10.0.0.1' });
    event.headers['x-forwarded-for'] = '203.0.113.9, 198.51.100.3';
    const sources = createSourceAddresses(['10.0.0.0/8']);
    expect(readEvent(event, sources).request.sourceAddress).toBe('198.51.100.3');
    expect(readEvent(event, direct).request.sourceAddress).toBe('10.0.0.1');
  });
});

describe('an unsupported event', () => {
  it.each(['1.0', '2.0'])('of an HTTP API, version %s, is rejected with the reason', async (version) => {
    const event = functionUrlEvent(await sign('GET', PATH));
    event.requestContext.domainName = 'abc.execute-api.us-east-1.amazonaws.com';
    expect(() => readEvent({ ...event, version }, direct)).toThrow(
      expect.objectContaining({
        code: 'UnknownOperationException',
        message: expect.stringContaining('an HTTP API, which decodes the path'),
      }),
    );
  });

  const url = functionUrlEvent({ method: 'GET', target: '/', headers: [['host', HOST]] });
  const { http } = url.requestContext;
  const rest = restApiEvent({ method: 'GET', target: '/', headers: [] });
  it.each([
    ['event', undefined],
    ['event', []],
    ['requestContext', {}],
    ['requestContext.http', { ...url, requestContext: { ...url.requestContext, http: null } }],
    [
      'requestContext.http.method',
      { ...url, requestContext: { ...url.requestContext, http: { ...http, method: 1 } } },
    ],
    [
      'requestContext.http.sourceIp',
      { ...url, requestContext: { ...url.requestContext, http: { method: 'GET' } } },
    ],
    ['rawPath', { ...url, rawPath: undefined }],
    ['rawQueryString', { ...url, rawQueryString: {} }],
    ['headers', { ...url, headers: null }],
    ['headers.host', { ...url, headers: { Host: { secret: 1 } } }],
    ['body', { ...url, body: { secret: 1 } }],
    ['requestContext.identity', { ...rest, requestContext: { path: '/' } }],
    ['requestContext.path', { ...rest, requestContext: { identity: { sourceIp: '192.0.2.1' } } }],
    ['headers', { ...rest, headers: 'secret', multiValueHeaders: undefined }],
    ['queryStringParameters', { ...rest, multiValueQueryStringParameters: { a: [{ secret: 1 }] } }],
    [
      'httpMethod',
      { ...loadBalancerEvent({ method: 'GET', target: '/', headers: [] }), httpMethod: undefined },
    ],
  ])('without a valid %s is rejected, and no value is quoted', (member, event) => {
    const error = errorOf(() => readEvent(event, direct));
    expect(error).toBeInstanceOf(InvalidEventError);
    expect(String(error)).toContain(`: ${member} is missing or invalid;`);
    expect(String(error)).not.toContain('secret');
  });
});

function errorOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
