import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type HttpServer,
  type Route,
  sendJson,
  startHttpServer,
} from '../../../infra/local/http/http-server.ts';
import { ownAddress } from '../../fixtures/wire/own-address.ts';
import { sendRaw } from '../../fixtures/wire/raw-http.ts';

const address = ownAddress();
if (address === undefined) console.log('skipped: the port off loopback (this machine has no other address)');

function route(path: string, more: Partial<Route> = {}): Route {
  return {
    matches: ({ target }) => target === path,
    answer: (_request, response) => sendJson(response, 200, { path }),
    ...more,
  };
}

const ROUTES = [route('/for-all', { offLoopback: true, anyOrigin: true }), route('/private')];

describe.skipIf(address === undefined).each([
  ['all addresses', '0.0.0.0'],
  ['all addresses of IPv6 and IPv4', '::'],
  ['one address of the network', address ?? ''],
])('a port on %s', (_, host) => {
  let port: HttpServer;
  beforeAll(async () => {
    port = await startHttpServer({ host, port: 0, routes: ROUTES });
  });
  afterAll(() => port.close());
  const ask = (from: string, path: string, headers = {}) =>
    sendRaw(port.port, 'GET', path, { Host: 'sync.example', ...headers }, '', from);

  it('serves there what is for all, under any name, and nothing else', async () => {
    const there = String(address);
    expect(await ask(there, '/for-all', { Origin: 'https://app.example' })).toMatchObject({ status: 200 });
    expect(await ask(there, '/private')).toMatchObject({ status: 404 });
    // Whatever name a request gives itself, the way it came counts.
    expect(await ask(there, '/private', { Host: `127.0.0.1:${port.port}` })).toMatchObject({ status: 404 });
  });

  it('serves this machine everything, under its own names alone', async () => {
    expect(await ask('127.0.0.1', '/private', { Host: `127.0.0.1:${port.port}` })).toMatchObject({
      status: 200,
    });
    expect(await ask('127.0.0.1', '/private')).toMatchObject({ status: 403 });
    expect(await ask('127.0.0.1', '/for-all')).toMatchObject({ status: 403 });
  });
});

describe.skipIf(address === undefined)('a port that cannot listen on all its addresses', () => {
  it('listens on none', async () => {
    const taken = await startHttpServer({ host: '127.0.0.1', port: 0, routes: ROUTES });
    await expect(
      startHttpServer({ host: String(address), port: taken.port, routes: ROUTES }),
    ).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    await taken.close();
    const free = await startHttpServer({ host: String(address), port: taken.port, routes: ROUTES });
    await free.close();
  });
});
