import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { get as httpsGet } from 'node:https';
import { type LookupFunction, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createPayloadFetch } from '../../../lib/aws/payload-fetch.ts';
import { createPublicLookup } from '../../../lib/aws/public-lookup.ts';
import { PayloadRefusedError, PayloadUnavailableError } from '../../../lib/stream/ports/fetch-payload.ts';
import { listen } from '../../fixtures/aws/kinesis-emulator.ts';
import { NEW_YEAR } from '../../fixtures/sync/stream-events.ts';

/** The secret part of a payload link, which no message may quote. The link expires 15 minutes after NEW_YEAR. */
const SECRET = 'X-Amz-Date=20260101T000000Z&X-Amz-Expires=900&X-Amz-Signature=5ec2e7';
const PATH = `/payloads/secret-object?${SECRET}`;
const EXPIRY = NEW_YEAR + 900_000;
const REPAIR = 'run `reconcile` for the pool';

type Options = Partial<Parameters<typeof createPayloadFetch>[0]>;

const pauses: number[] = [];
beforeEach(() => {
  pauses.length = 0;
});

/** Creates a payload fetch that records the length of its pauses instead of waiting. */
function fetchFrom(ownOrigin: string | null, options: Options = {}) {
  return createPayloadFetch({
    policy: { regions: ['us-east-1'], ownOrigin },
    now: () => NEW_YEAR,
    sleep: async (ms) => {
      pauses.push(ms);
    },
    random: () => 0.5,
    ...options,
  });
}

/** Starts a local server. Each listener handles one request, in order. The last listener handles all later requests. */
async function startObjects(...listeners: [RequestListener, ...RequestListener[]]) {
  const requests: { url: string | undefined; encoding: string | string[] | undefined }[] = [];
  const server = createServer((request, response) => {
    const listener = listeners[Math.min(requests.length, listeners.length - 1)];
    requests.push({ url: request.url, encoding: request.headers['accept-encoding'] });
    listener?.(request, response);
  });
  const origin = await listen(server);
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const openConnections = () =>
    new Promise<number>((resolve, reject) =>
      server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  return { origin, requests, openConnections };
}

const respond =
  (
    status: number,
    body: string | Uint8Array = '',
    headers: Record<string, string | number> = {},
  ): RequestListener =>
  (_, response) => {
    response.writeHead(status, headers).end(body);
  };

async function errorOf(bytes: Promise<Uint8Array>): Promise<Error> {
  const error = await bytes.then(
    () => new Error('fetched'),
    (error) => error,
  );
  // The cause and the members of an error are checked too, because loggers print them.
  expect(`${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toMatch(
    /secret|5ec2e7/i,
  );
  return error;
}

describe('fetching a payload', () => {
  it('returns the exact bytes, requests an uncompressed response, and reuses the connection', async () => {
    const bytes = Buffer.from('[{"key":"鍵"}]');
    const { origin, requests, openConnections } = await startObjects(respond(200, bytes));
    const fetchPayload = fetchFrom(origin);
    expect(Buffer.from(await fetchPayload(`${origin}${PATH}`))).toEqual(bytes);
    expect(Buffer.from(await fetchPayload(`${origin}${PATH}`))).toEqual(bytes);
    expect(requests).toEqual(Array(2).fill({ url: PATH, encoding: 'identity' }));
    expect(await openConnections()).toBe(1);
  });

  it('accepts a body of the maximum size and an empty body', async () => {
    const { origin } = await startObjects(respond(200, 'x'.repeat(1024)), respond(200));
    const fetchPayload = fetchFrom(origin, { maxBytes: 1024 });
    expect(await fetchPayload(`${origin}${PATH}`)).toHaveLength(1024);
    expect(await fetchPayload(`${origin}${PATH}`)).toHaveLength(0);
  });

  it('retries transient failures with growing pauses', async () => {
    const { origin, requests } = await startObjects(respond(500), respond(503), respond(200, '[]'));
    expect(await fetchFrom(origin)(`${origin}${PATH}`)).toHaveLength(2);
    expect(requests).toHaveLength(3);
    expect(pauses).toEqual([100, 400]);
  });

  it('retries after a connection that broke in the middle of the body', async () => {
    const breakOff: RequestListener = (request, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('[', () => request.socket.resetAndDestroy());
    };
    const { origin, requests } = await startObjects(breakOff, respond(200, '[]'));
    expect(await fetchFrom(origin)(`${origin}${PATH}`)).toHaveLength(2);
    expect(requests).toHaveLength(2);
  });
});

describe('a payload is refused without a retry', () => {
  it.each([
    [400, REPAIR],
    [401, REPAIR],
    [403, `the link has expired or the object is gone; ${REPAIR}`],
    [404, `the link has expired or the object is gone; ${REPAIR}`],
    [410, REPAIR],
    [204, 'answered 204 instead of 200'],
    [206, 'answered 206 instead of 200'],
    [418, 'answered 418 instead of 200'],
    [304, 'answered 304: redirects are not followed'],
  ])('for status %i', async (status, message) => {
    const { origin, requests, openConnections } = await startObjects(
      respond(status, '', { 'x-secret': 'secret' }),
    );
    const error = await errorOf(fetchFrom(origin)(`${origin}${PATH}`));
    expect(error).toBeInstanceOf(PayloadRefusedError);
    expect(error.message).toContain(message);
    expect(error.message).toContain('127.0.0.1');
    expect(requests).toHaveLength(1);
    await vi.waitFor(async () => expect(await openConnections()).toBe(0));
  });

  it.each(['http://169.254.169.254/latest/meta-data/', 'https://s3.amazonaws.com/b/k', '/elsewhere'])(
    'for a redirect to %s',
    async (location) => {
      const { origin, requests } = await startObjects(respond(302, '', { location }), respond(200, '[]'));
      const error = await errorOf(fetchFrom(origin)(`${origin}${PATH}`));
      expect(error).toEqual(new PayloadRefusedError('127.0.0.1 answered 302: redirects are not followed'));
      expect(requests).toHaveLength(1);
    },
  );

  it.each([
    ['gzip', gzipSync('[]')],
    ['aws-chunked', '[]'],
    ['GZIP', ''],
  ])('for a body with the content encoding %s', async (encoding, body) => {
    const { origin, requests } = await startObjects(respond(200, body, { 'content-encoding': encoding }));
    const error = await errorOf(fetchFrom(origin)(`${origin}${PATH}`));
    expect(error).toBeInstanceOf(PayloadRefusedError);
    expect(error.message).toContain('content-encoding');
    expect(requests).toHaveLength(1);
  });

  it('for a content-length above the limit, without reading the body', async () => {
    const { origin, requests, openConnections } = await startObjects((_, response) => {
      response.writeHead(200, { 'content-length': 2 ** 40 }).flushHeaders();
    });
    const error = await errorOf(fetchFrom(origin)(`${origin}${PATH}`));
    expect(error).toEqual(new PayloadRefusedError('the payload is larger than 8388608 bytes'));
    expect(requests).toHaveLength(1);
    await vi.waitFor(async () => expect(await openConnections()).toBe(0));
  });

  it('for a body that never ends', async () => {
    const { origin, requests, openConnections } = await startObjects((request, response) => {
      const chunk = Buffer.alloc(16 * 1024);
      const pour = () => {
        while (!request.socket.destroyed && response.write(chunk));
      };
      response.on('drain', pour);
      pour();
    });
    const error = await errorOf(fetchFrom(origin, { maxBytes: 256 * 1024 })(`${origin}${PATH}`));
    expect(error).toEqual(new PayloadRefusedError('the payload is larger than 262144 bytes'));
    expect(requests).toHaveLength(1);
    await vi.waitFor(async () => expect(await openConnections()).toBe(0));
  });

  it('for a URL that the policy does not allow, without sending a request', async () => {
    const { origin, requests } = await startObjects(respond(200, '[]'));
    expect(await errorOf(fetchFrom(null)(`${origin}${PATH}`))).toEqual(
      new PayloadRefusedError('the scheme is not https'),
    );
    expect(requests).toHaveLength(0);
  });
});

describe('a payload is reported as unavailable', () => {
  it.each([500, 503, 429, 408])('if every response is %i', async (status) => {
    const { origin, requests } = await startObjects(respond(status, '<Error>secret</Error>'));
    const error = await errorOf(fetchFrom(origin)(`${origin}${PATH}`));
    expect(error).toEqual(new PayloadUnavailableError(`127.0.0.1 answered ${status}`));
    expect(requests).toHaveLength(3);
  });

  it('if no server listens', async () => {
    const server = createServer();
    const origin = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    const error = await errorOf(fetchFrom(origin)(`${origin}${PATH}`));
    expect(error).toEqual(new PayloadUnavailableError('the connection to 127.0.0.1 failed (ECONNREFUSED)'));
    expect(pauses).toEqual([100, 400]);
  });

  it('if the body is truncated', async () => {
    const { origin, requests } = await startObjects((_, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('[]', () => response.socket?.end());
    });
    const error = await errorOf(fetchFrom(origin)(`${origin}${PATH}`));
    expect(error).toBeInstanceOf(PayloadUnavailableError);
    expect(error.message).toContain('failed (ECONNRESET)');
    expect(requests).toHaveLength(3);
  });

  it('if the response is not valid HTTP', async () => {
    const { origin } = await startObjects(({ socket }) => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nsecret');
    });
    const error = await errorOf(fetchFrom(origin)(`${origin}${PATH}`));
    expect(error).toBeInstanceOf(PayloadUnavailableError);
  });

  it.each<[string, RequestListener]>([
    ['never starts', () => {}],
    ['stalls after the headers', (_, response) => response.writeHead(200).flushHeaders()],
    [
      'arrives byte by byte too slowly',
      (_, response) => {
        const drip = setInterval(() => response.write('x'), 5);
        response.on('close', () => clearInterval(drip));
      },
    ],
  ])('if the response %s', async (_, listener) => {
    const { origin, requests, openConnections } = await startObjects(listener);
    const error = await errorOf(fetchFrom(origin, { timeoutMs: 1_000, attempts: 2 })(`${origin}${PATH}`));
    expect(error).toEqual(new PayloadUnavailableError('127.0.0.1 did not respond completely within 1000 ms'));
    expect(requests).toHaveLength(2);
    await vi.waitFor(async () => expect(await openConnections()).toBe(0));
  });

  it('but as refused once its link has expired', async () => {
    const { origin } = await startObjects(respond(500));
    const errorAt = (time: number) => errorOf(fetchFrom(origin, { now: () => time })(`${origin}${PATH}`));
    expect(await errorAt(EXPIRY - 1)).toBeInstanceOf(PayloadUnavailableError);
    expect(await errorAt(EXPIRY)).toEqual(
      new PayloadRefusedError(
        `127.0.0.1 answered 500, and the link has expired or has no expiry time; ${REPAIR}`,
      ),
    );
  });

  it('but as refused if its link has no expiry time, because every link of Cognito has one', async () => {
    const { origin, requests } = await startObjects(respond(503));
    const error = await errorOf(fetchFrom(origin)(`${origin}/payloads/1`));
    expect(error).toBeInstanceOf(PayloadRefusedError);
    expect(requests).toHaveLength(3);
  });
});

describe('the host name of S3', () => {
  const HOST = 'bucket.s3.us-east-1.amazonaws.com';
  const addresses = (...texts: string[]) =>
    texts.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

  /** Returns a list that receives the addresses of all connection attempts during the test. */
  function watchConnections(): string[] {
    const tried: string[] = [];
    const original = Socket.prototype.connect;
    const spy = vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...args) {
      this.on('connectionAttempt', (address) => tried.push(address));
      return original.apply(this, args);
    });
    onTestFinished(() => spy.mockRestore());
    return tried;
  }

  it.each([
    ['127.0.0.1'],
    ['10.0.0.1'],
    ['172.31.255.255'],
    ['192.168.1.1'],
    ['100.64.0.1'],
    ['169.254.169.254'],
    ['0.0.0.0'],
    ['224.0.0.1'],
    ['255.255.255.255'],
    ['::'],
    ['::1'],
    ['fd00::1'],
    ['fe80::1'],
    ['ff02::1'],
    ['fd00:ec2::254'],
    ['::ffff:127.0.0.1'],
    ['::ffff:a9fe:a9fe'],
    // IPv4-compatible addresses (::/96), in both spellings.
    ['::a9fe:a9fe'],
    ['::10.0.0.1'],
    ['::1234'],
    // These addresses are outside of the block from which public addresses are assigned.
    ['4000::1'],
    ['64:ff9b::a9fe:a9fe'],
    ['2002:7f00:1::'],
    ['nonsense'],
    ['52.216.1.1', '10.0.0.1'],
    ['10.0.0.1', '52.216.1.1'],
    ['2600:1fa0::1', '::1'],
  ])('is refused without a connection if it resolves to %s %s', async (...texts) => {
    const tried = watchConnections();
    const lookedUp: string[] = [];
    const lookup = async (host: string) => {
      lookedUp.push(host);
      return addresses(...texts);
    };
    const error = await errorOf(fetchFrom(null, { lookup })(`https://${HOST}${PATH}`));
    expect(error).toEqual(new PayloadRefusedError(`${HOST} has an address that is not public`));
    expect(lookedUp).toEqual([HOST]);
    expect(tried).toEqual([]);
  });

  it('is connected to if the lookup is unrestricted, which proves that watchConnections works', async () => {
    const tried = watchConnections();
    const { origin } = await startObjects(respond(200, '[]'));
    await fetchFrom(origin)(`${origin}${PATH}`);
    // The server has no TLS, so the request fails after the connection attempt.
    const request = httpsGet({ host: HOST, port: new URL(origin).port, agent: false, lookup: toLoopback });
    await expect(once(request, 'response')).rejects.toThrow();
    expect(tried).toEqual(['127.0.0.1', '127.0.0.1']);
  });

  const toLoopback: LookupFunction = (_, __, callback) => callback(null, addresses('127.0.0.1'));

  it.each([
    [
      'does not resolve',
      'EAI_AGAIN',
      () => Promise.reject(Object.assign(new Error('secret'), { code: 'EAI_AGAIN' })),
    ],
    ['has no address', 'ENOTFOUND', () => Promise.resolve([])],
  ])('makes the payload unavailable if it %s', async (_, code, lookup) => {
    const error = await errorOf(fetchFrom(null, { lookup })(`https://${HOST}${PATH}`));
    expect(error).toEqual(new PayloadUnavailableError(`the connection to ${HOST} failed (${code})`));
    expect(pauses).toEqual([100, 400]);
  });

  it('makes the payload unavailable if the lookup times out', async () => {
    const lookup = () => new Promise<never>(() => {});
    const error = await errorOf(
      fetchFrom(null, { lookup, timeoutMs: 30, attempts: 1 })(`https://${HOST}${PATH}`),
    );
    expect(error).toEqual(new PayloadUnavailableError(`${HOST} did not respond completely within 30 ms`));
  });

  it.each([{ all: true }, { all: false }])(
    'resolves to its public addresses with the options %o',
    async (options) => {
      const all = addresses('52.216.1.1', '2600:1fa0::1');
      const resolved = await new Promise((resolve) => {
        createPublicLookup(async () => all)(HOST, options, (...args) => resolve(args));
      });
      expect(resolved).toEqual(options.all ? [null, all] : [null, '52.216.1.1', 4]);
    },
  );
});
