import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type HttpServer,
  type HttpServerOptions,
  type Route,
  sendJson,
  startHttpServer,
} from '../../../infra/local/http/http-server.ts';
import { receiveBody } from '../../../lib/wire/request-body.ts';
import { ownAddress } from '../../fixtures/wire/own-address.ts';
import { openRaw, type RawExchange } from '../../fixtures/wire/raw-http.ts';

const MAX_BYTES = 300_000;
const KIB = 1024;

/** Functions that let the requests of /hold continue. The server has already received the bodies of these requests. */
const waiting: (() => void)[] = [];

const ROUTES: Route[] = [
  {
    offLoopback: true,
    matches: ({ target }) => target === '/upload' || target === '/hold',
    async answer(request, response) {
      const { body, target } = await receiveBody(request, MAX_BYTES);
      if (target === '/hold') await new Promise<void>((resolve) => waiting.push(resolve));
      sendJson(response, 200, { bytes: body.length });
    },
  },
  {
    offLoopback: true,
    matches: ({ target }) => target === '/large',
    answer: (_request, response) => sendJson(response, 200, 'x'.repeat(16_000_000)),
  },
];

let server: HttpServer | undefined;
const exchanges: RawExchange[] = [];
afterEach(async () => {
  for (const release of waiting.splice(0)) release();
  for (const { socket } of exchanges.splice(0)) socket.destroy();
  await server?.close();
  server = undefined;
});

async function start(options: Partial<HttpServerOptions> = {}): Promise<void> {
  server = await startHttpServer({ host: '127.0.0.1', port: 0, routes: ROUTES, ...options });
}

function open(bytes: string, address?: string): RawExchange {
  const exchange = openRaw(server?.port ?? 0, bytes, address);
  exchanges.push(exchange);
  return exchange;
}

function head(target: string, headers: Record<string, string | number> = {}, method = 'POST'): string {
  const lines = Object.entries({ Host: '127.0.0.1', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** Returns the text of a complete upload request. */
function upload(target: string, bytes: number, headers: Record<string, string> = {}): string {
  return head(target, { 'Content-Length': bytes, ...headers }) + 'x'.repeat(bytes);
}

describe('the body of a rejected request', () => {
  it.each<[string, string, number, Record<string, string | number>]>([
    ['is larger than its route allows', '/upload', 413, {}],
    ['has an unknown path', '/other', 404, {}],
    ['has a foreign Host', '/upload', 403, { Host: 'evil.example' }],
    ['has a foreign Origin', '/upload', 403, { Origin: 'https://evil.example' }],
  ])(
    'is rejected before the client sends it, and the connection is closed, if the request %s',
    async (_, target, status, headers) => {
      await start();
      const exchange = open(head(target, { 'Content-Length': 1_000_000, ...headers }));
      const response = await exchange.response();
      expect(response.status).toBe(status);
      expect(response.headerLines).toContain('Connection: close');
      expect(await exchange.closed).toBe('');
    },
  );

  it('causes an error in the format of AWS if it is too large', async () => {
    await start();
    const { headerLines, body } = await open(head('/upload', { 'Content-Length': MAX_BYTES + 1 })).response();
    expect(headerLines).toContain('x-amzn-ErrorType: RequestEntityTooLarge:');
    expect(JSON.parse(body)).toEqual({
      __type: 'RequestEntityTooLarge',
      message: `the request body is larger than ${MAX_BYTES} bytes`,
    });
  });

  it('is never sent if the client waits for permission to send it', async () => {
    await start();
    const Expect = '100-continue';
    const refused = open(head('/upload', { 'Content-Length': MAX_BYTES + 1, Expect }));
    expect((await refused.response()).status).toBe(413);
    const accepted = open(head('/upload', { 'Content-Length': 2, Expect }));
    expect((await accepted.response()).status).toBe(100);
    accepted.socket.write('ab');
    expect(await accepted.response()).toMatchObject({ status: 200, body: '{"bytes":2}' });
  });

  it('is rejected as soon as it exceeds the limit, if the request did not announce its length', async () => {
    await start();
    const chunk = `${(100_000).toString(16)}\r\n${'x'.repeat(100_000)}\r\n`;
    const within = open(`${head('/upload', { 'Transfer-Encoding': 'chunked' })}${chunk.repeat(3)}0\r\n\r\n`);
    expect(await within.response()).toMatchObject({ status: 200, body: '{"bytes":300000}' });
    const above = open(head('/upload', { 'Transfer-Encoding': 'chunked' }) + chunk.repeat(4));
    expect((await above.response()).status).toBe(413);
  });

  it('is received only for a short time after the request was rejected', async () => {
    await start();
    const { socket, closed } = open(head('/upload', { 'Content-Length': 2_000_000_000 }));
    const megabyte = Buffer.alloc(1_000_000);
    let sent = 0;
    while (!socket.destroyed && sent < 200) {
      sent += 1;
      const drained = new Promise((resolve) => socket.once('drain', resolve));
      if (!socket.write(megabyte)) await Promise.race([drained, closed]);
    }
    // The port discards 8 MiB. The buffers of client and server hold a few more megabytes.
    expect(sent).toBeLessThan(60);
  });

  it('is read if it is small, so that the client can use the connection again', async () => {
    await start();
    const exchange = open(head('/other', { 'Content-Length': 2 }));
    expect((await exchange.response()).status).toBe(404);
    exchange.socket.write(`{}${upload('/upload', 3)}`);
    expect(await exchange.response()).toMatchObject({ status: 200, body: '{"bytes":3}' });
  });
});

describe('bytes in flight', () => {
  const held = (count: number) => expect.poll(() => waiting.length).toBe(count);

  it('are limited in total, except for small bodies', async () => {
    await start({ limits: { bytesInFlight: 300 * KIB } });
    // Each body has 200 KiB, of which the first 64 KiB do not count.
    open(upload('/hold', 200 * KIB));
    open(upload('/hold', 200 * KIB));
    await held(2);
    const refused = await open(upload('/upload', 200 * KIB)).response();
    expect(refused).toMatchObject({
      status: 503,
      headerLines: expect.arrayContaining(['Retry-After: 1', 'x-amzn-ErrorType: ServiceUnavailable:']),
    });
    expect((await open(upload('/upload', 64 * KIB)).response()).status).toBe(200);
    for (const release of waiting.splice(0)) release();
    await expect.poll(async () => (await open(upload('/upload', 200 * KIB)).response()).status).toBe(200);
  });

  it('are limited per source address', async () => {
    await start({ limits: { bytesInFlightPerAddress: 200 * KIB }, trustedProxies: ['127.0.0.1/32'] });
    const from = (address: string) => ({ 'X-Forwarded-For': address });
    open(upload('/hold', 200 * KIB, from('198.51.100.1')));
    await held(1);
    const statusFrom = async (address: string) =>
      (await open(upload('/upload', 200 * KIB, from(address))).response()).status;
    expect(await statusFrom('198.51.100.1')).toBe(503);
    expect(await statusFrom('198.51.100.2')).toBe(200);
    // The limit does not apply to the proxy itself and to clients on this machine.
    expect(await statusFrom('127.0.0.1')).toBe(200);
  });

  it('no longer count after the client has disconnected', async () => {
    await start({ limits: { bytesInFlight: 200 * KIB } });
    const partial = open(upload('/upload', 250 * KIB).slice(0, 220 * KIB));
    await once(partial.socket, 'connect');
    await expect.poll(async () => (await open(upload('/upload', 200 * KIB)).response()).status).toBe(503);
    partial.socket.destroy();
    await expect.poll(async () => (await open(upload('/upload', 200 * KIB)).response()).status).toBe(200);
  });
});

describe('a body in many small parts', () => {
  const CHUNK = '1\r\na\r\n';
  const chunked = (count: number) =>
    `${head('/upload', { 'Transfer-Encoding': 'chunked' })}${CHUNK.repeat(count)}0\r\n\r\n`;

  it('is accepted up to 2,000 parts', async () => {
    await start();
    expect(await open(chunked(2_000)).response()).toMatchObject({ status: 200, body: '{"bytes":2000}' });
  });

  it('is rejected if it has 10,000 parts, because each part takes processor time', async () => {
    await start();
    const { status, body } = await open(chunked(10_000)).response();
    expect({ status, body }).toMatchObject({ status: 400, body: expect.stringContaining('too many parts') });
  });

  it('is accepted if the parts have the size of a small packet', async () => {
    await start();
    const chunk = `200\r\n${'a'.repeat(512)}\r\n`;
    const request = `${head('/upload', { 'Transfer-Encoding': 'chunked' })}${chunk.repeat(580)}0\r\n\r\n`;
    expect(await open(request).response()).toMatchObject({ status: 200, body: `{"bytes":${580 * 512}}` });
  });
});

describe('requests that do not wait for the previous response', () => {
  it('are answered in order, if there are only a few', async () => {
    await start();
    const exchange = open([1, 2, 3, 4].map((bytes) => upload('/upload', bytes)).join(''));
    for (const bytes of [1, 2, 3, 4]) {
      expect(await exchange.response()).toMatchObject({ status: 200, body: `{"bytes":${bytes}}` });
    }
  });

  it('close the connection if more than eight have no response yet; the server does not run more than eight', async () => {
    await start();
    const exchange = open(Array.from({ length: 500 }, () => upload('/hold', 1)).join(''));
    expect(await exchange.closed).toBe('');
    expect(waiting.length).toBeLessThanOrEqual(8);
    expect(await open(upload('/upload', 1)).response()).toMatchObject({ status: 200 });
  });

  it('close the connection if more than eight arrive in one block, even if each is answered immediately', async () => {
    let calls = 0;
    const matches = () => {
      calls += 1;
      return true;
    };
    const answer: Route['answer'] = (_request, response) => sendJson(response, 200, {});
    await start({ routes: [{ matches, answer }] });
    const { socket, closed } = open('');
    const block = upload('/', 2).repeat(500);
    const writing = setInterval(() => socket.write(block), 1);
    await closed;
    clearInterval(writing);
    expect(calls).toBe(8);
  });
});

describe('slow clients', () => {
  it.each([
    ['sends nothing', ''],
    ['sends half a head', 'POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\n'],
  ])('are disconnected if they do not send a complete head in time: %s', async (_, bytes) => {
    await start({ limits: { headersTimeoutMs: 100 } });
    expect(await open(bytes).closed).toMatch(/^HTTP\/1.1 408 /);
  });

  it('are disconnected if they do not send a complete body in time', async () => {
    await start({ limits: { headersTimeoutMs: 100, requestTimeoutMs: 200 } });
    const { closed } = open(upload('/upload', 100).slice(0, -1));
    expect(await closed).toMatch(/^HTTP\/1.1 408 /);
  });

  it('are disconnected if they do not read the response in time', async () => {
    await start({ limits: { unreadTimeoutMs: 100 } });
    const { socket, closed } = open(head('/large', {}, 'GET'));
    socket.pause();
    await expect.poll(() => socket.bytesRead, { timeout: 5_000 }).toBeGreaterThan(0);
    // The server never sends the rest of the response.
    await new Promise((resolve) => setTimeout(resolve, 500));
    socket.resume();
    await closed;
    expect(socket.bytesRead).toBeLessThan(16_000_000);
  });
});

describe('a connection between two requests', () => {
  it('stays open for longer than a client may take to send a head', async () => {
    await start({ limits: { headersTimeoutMs: 500, requestTimeoutMs: 1_000 } });
    const exchange = open(upload('/upload', 1));
    const { status, headerLines } = await exchange.response();
    expect({ status, headerLines }).toMatchObject({
      status: 200,
      // 120 s are longer than the 60 s and 90 s after which SDKs close an idle connection.
      headerLines: expect.arrayContaining(['Keep-Alive: timeout=120']),
    });
    // Both limits in `start` have passed after two seconds, including the interval at which Node checks time limits.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    exchange.socket.write(upload('/upload', 2));
    expect(await exchange.response()).toMatchObject({ status: 200, body: '{"bytes":2}' });
  });

  it('is closed when the limit of connections is near, so that others can connect', async () => {
    await start({ limits: { connections: 10 } });
    const idle = Array.from({ length: 9 }, () => open(upload('/upload', 1)));
    for (const exchange of idle) await exchange.response();
    open(upload('/hold', 1));
    await expect.poll(() => waiting.length).toBe(1);
    expect(await Promise.all(idle.map(({ closed }) => closed))).toEqual(idle.map(() => ''));
    expect(await open(upload('/upload', 3)).response()).toMatchObject({ status: 200 });
  });
});

const address = ownAddress();
if (address === undefined)
  console.log('skipped: connections per address (this machine has no other address)');

describe('connections', () => {
  const served = async (exchange: RawExchange) => {
    exchange.socket.write(upload('/upload', 1));
    return (await exchange.response()).status === 200;
  };

  it('are limited in total; a closed connection no longer counts', async () => {
    await start({ limits: { connections: 3 } });
    const [first] = [open(''), open(''), open('')];
    await Promise.all(exchanges.map(({ socket }) => once(socket, 'connect')));
    expect(await open(upload('/upload', 1)).closed).toBe('');
    first.socket.destroy();
    await expect.poll(() => served(open('')).catch(() => false)).toBe(true);
  });

  it.skipIf(address === undefined)(
    'count as ten each toward the limit per address for a while after the server closed them for sending too many requests without waiting for responses',
    async () => {
      await start({ host: '0.0.0.0', limits: { connectionsPerAddress: 5, penaltyMs: 60_000 } });
      await open(upload('/hold', 1).repeat(500), address).closed;
      expect(await open(upload('/upload', 1), address).closed).toBe('');
      expect(await open(upload('/upload', 1)).response()).toMatchObject({ status: 200 });
    },
  );

  it.skipIf(address === undefined)(
    'are limited per address, except connections from this machine and from trusted proxies',
    async () => {
      const limits = { connectionsPerAddress: 2 };
      await start({ host: '0.0.0.0', limits });
      expect(await served(open('', address))).toBe(true);
      expect(await served(open('', address))).toBe(true);
      expect(await open(upload('/upload', 1), address).closed).toBe('');
      for (let count = 0; count < 3; count += 1) expect(await served(open(''))).toBe(true);
      await server?.close();
      await start({ host: '0.0.0.0', limits, trustedProxies: [`${address}/32`] });
      for (let count = 0; count < 3; count += 1) expect(await served(open('', address))).toBe(true);
    },
  );
});
