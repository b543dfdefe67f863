import { createServer, type RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createProviderFetch } from '../../../lib/aws/provider-fetch.ts';
import { ProviderUnavailableError } from '../../../lib/identity/ports/fetch-json.ts';
import { listen } from '../../fixtures/aws/kinesis-emulator.ts';

const SECRET = 'token-5ec2e7';

/** Starts a login provider on loopback. Returns its origin and the paths that were requested. */
async function startProvider(listener: RequestListener) {
  const requests: { url: string | undefined; headers: Record<string, unknown> }[] = [];
  const server = createServer((request, response) => {
    requests.push({ url: request.url, headers: request.headers });
    listener(request, response);
  });
  const origin = await listen(server);
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { origin, requests };
}

const answer =
  (status: number, body: string | Uint8Array = '{}', headers: Record<string, string> = {}): RequestListener =>
  (_, response) => {
    response.writeHead(status, headers).end(body);
  };

type Options = Partial<Parameters<typeof createProviderFetch>[0]> & { timeoutMs?: number };

/** Fetches from a provider on loopback that LOGIN_PROVIDERS names. */
function fetchFrom(origin: string, { timeoutMs = 20_000, ...options }: Options = {}) {
  const fetchJson = createProviderFetch({ loopbackOrigins: new Set([origin]), ...options });
  return fetchJson(`${origin}/keys?secret=${SECRET}`, { signal: AbortSignal.timeout(timeoutMs) });
}

/** Fetches an address that LOGIN_PROVIDERS does not name, for example one from a discovery document. */
function fetchOther(url: string, addresses: string[] = []) {
  const lookup = async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const fetchJson = createProviderFetch({ loopbackOrigins: new Set(['http://127.0.0.1:4000']), lookup });
  return fetchJson(url, { signal: AbortSignal.timeout(20_000) });
}

const unavailable = async (response: Promise<unknown>): Promise<string> => {
  const error = await response.then(
    () => new Error('fetched'),
    (error) => error,
  );
  expect(error).toBeInstanceOf(ProviderUnavailableError);
  expect(`${error.message} ${error.stack}`).not.toContain(SECRET);
  return error.message;
};

describe('createProviderFetch', () => {
  it('returns a JSON document, and sends an Authorization header only if the caller gave one', async () => {
    const { origin, requests } = await startProvider(answer(200, '{"keys":[]}'));
    expect(await fetchFrom(origin)).toEqual({ status: 200, body: { keys: [] } });
    expect(requests).toMatchObject([
      {
        url: `/keys?secret=${SECRET}`,
        headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      },
    ]);
    expect(requests[0]?.headers).not.toHaveProperty('authorization');
    const fetchJson = createProviderFetch({ loopbackOrigins: new Set([origin]) });
    await fetchJson(origin, { signal: AbortSignal.timeout(20_000), authorization: 'Bearer x' });
    expect(requests[1]?.headers).toMatchObject({ authorization: 'Bearer x' });
  });

  it('returns the status and the body of a response with the status 400', async () => {
    const { origin } = await startProvider(answer(400, '{"error":"invalid_token"}'));
    expect(await fetchFrom(origin)).toEqual({ status: 400, body: { error: 'invalid_token' } });
  });

  it.each<[string, RequestListener, RegExp]>([
    ['redirects', answer(302, '{}', { location: 'https://login.example/keys' }), /answered 302$/],
    ['has an internal error', answer(500), /answered 500$/],
    ['is overloaded', answer(429), /answered 429$/],
    ['answers with HTML', answer(200, '<html></html>'), /a text that is not JSON$/],
    ['answers with nothing', answer(200, ''), /a text that is not JSON$/],
    ['answers without a body', answer(204, ''), /answered 204$/],
    [
      'answers with compressed content',
      answer(200, gzipSync('{}'), { 'content-encoding': 'gzip' }),
      /an encoding that was not requested$/,
    ],
    ['announces 10 MB', answer(200, '{}', { 'content-length': '10000000' }), /more than 262144 bytes$/],
    [
      'sends 10 MB without announcing it',
      (_, response) => {
        response.write(`"${'x'.repeat(10_000_000)}"`);
        response.end();
      },
      /more than 262144 bytes$/,
    ],
    [
      'closes the connection',
      (request) => request.socket.destroy(),
      /the connection .* failed \(ECONNRESET\)$/,
    ],
    [
      'closes the connection in the body',
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('{');
        setTimeout(() => response.destroy(), 20);
      },
      /the connection .* failed/,
    ],
  ])('fails if the provider %s', async (_, listener, message) => {
    const { origin } = await startProvider(listener);
    expect(await unavailable(fetchFrom(origin))).toMatch(message);
  });

  it.each<[string, RequestListener]>([
    ['does not answer', () => undefined],
    [
      'sends one byte at a time',
      (_, response) => {
        const timer = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ])('fails after the time limit if the provider %s', async (_, listener) => {
    const { origin } = await startProvider(listener);
    expect(await unavailable(fetchFrom(origin, { timeoutMs: 200 }))).toMatch(/did not respond in time$/);
  });

  it('fails if nothing listens at the address', async () => {
    const { origin } = await startProvider(answer(200));
    const other = origin.replace(/\d+$/, '1');
    expect(await unavailable(fetchFrom(other))).toMatch(/ECONNREFUSED/);
  });

  it.each([
    ['http://login.example/keys', 'not an https address'],
    ['ftp://login.example/keys', 'not an https address'],
    ['http://127.0.0.1:4001/keys', 'not an https address'],
    ['https://127.0.0.1:4000/keys', 'not public'],
    ['https://10.0.0.1/keys', 'not public'],
    ['https://169.254.169.254/latest/meta-data', 'not public'],
    ['https://[::1]/keys', 'not public'],
    ['https://[::ffff:10.0.0.1]/keys', 'not public'],
    ['https://2130706433/keys', 'not public'],
    ['https://0x7f.1/keys', 'not public'],
    ['https://user:password@login.example/keys', 'not valid'],
    ['not an address', 'not valid'],
  ])('does not connect to %s', async (url, reason) => {
    expect(await unavailable(fetchOther(url))).toContain(reason);
  });

  it.each([
    [['127.0.0.1']],
    [['10.0.0.1']],
    [['93.184.216.34', '192.168.0.1']],
    [['fd00::1']],
    [['::ffff:127.0.0.1']],
  ])('does not connect to a host with the addresses %j', async (addresses) => {
    expect(await unavailable(fetchOther('https://login.example/keys', addresses))).toBe(
      'login.example has an address that is not public',
    );
  });
});
