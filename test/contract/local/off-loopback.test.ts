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
if (address === undefined) console.log('skipped: ports off loopback (this machine has no other address)');

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
  const get = (from: string, path: string, headers = {}) =>
    sendRaw(port.port, 'GET', path, { Host: 'sync.example', ...headers }, '', from);

  it('serves only public routes on addresses other than loopback, under any host name', async () => {
    const external = String(address);
    expect(await get(external, '/for-all', { Origin: 'https://app.example' })).toMatchObject({ status: 200 });
    expect(await get(external, '/private')).toMatchObject({ status: 404 });
    // Which routes are served depends on the local address of the connection, not on the Host header.
    expect(await get(external, '/private', { Host: `127.0.0.1:${port.port}` })).toMatchObject({
      status: 404,
    });
  });

  it('serves all routes on loopback, but only under its own host names', async () => {
    expect(await get('127.0.0.1', '/private', { Host: `127.0.0.1:${port.port}` })).toMatchObject({
      status: 200,
    });
    expect(await get('127.0.0.1', '/private')).toMatchObject({ status: 403 });
    expect(await get('127.0.0.1', '/for-all')).toMatchObject({ status: 403 });
  });
});

describe.skipIf(address === undefined)('a port that cannot listen on all its addresses', () => {
  it('listens on no address', async () => {
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
