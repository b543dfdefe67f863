import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createServiceRoute } from '../../../infra/local/http/aws-routes.ts';
import { type HttpServer, startHttpServer } from '../../../infra/local/http/http-server.ts';

const PART = 'x'.repeat(256 * 1024);
const PARTS = 400;

let created = 0;
let isEnded = false;
/** Creates the parts of a body. Fails after three parts if the path ends with "fails". */
async function* createBody(path: string): AsyncGenerator<string> {
  try {
    for (created = 0; created < PARTS; created += 1) {
      if (path.endsWith('fails') && created === 3) throw new Error('the database is gone');
      yield PART;
    }
  } finally {
    isEnded = true;
  }
}

let server: HttpServer;
beforeAll(async () => {
  const route = createServiceRoute(() => async ({ target }) => ({
    status: 200,
    headers: [['Content-Type', 'text/plain']],
    body: createBody(target),
  }));
  server = await startHttpServer({ host: '127.0.0.1', port: 0, routes: [route] });
});
afterAll(() => server.close());

const urlOf = (path: string) => `http://127.0.0.1:${server.port}/identitypools/${path}`;

describe('a response in parts', () => {
  it('arrives complete', async () => {
    const response = await fetch(urlOf('whole'));
    expect(response.headers.get('content-length')).toBeNull();
    expect((await response.text()).length).toBe(PARTS * PART.length);
  });

  it('is created no faster than the client reads it, and ends when the client disconnects', async () => {
    isEnded = false;
    const client = connect(server.port, '127.0.0.1');
    client.pause();
    client.write('GET /identitypools/unread HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    let before = -1;
    await vi.waitFor(
      () => {
        const isStill = created > 0 && created === before;
        before = created;
        expect(isStill).toBe(true);
      },
      { timeout: 10_000, interval: 200 },
    );
    // Some megabytes are in the operating system's buffers at both ends of the connection.
    expect(created * PART.length).toBeLessThan((PARTS * PART.length) / 2);
    expect(isEnded).toBe(false);
    client.destroy();
    await vi.waitFor(() => expect(isEnded).toBe(true));
  });

  it('is aborted if a part fails, so that no client takes the response for complete', async () => {
    const response = await fetch(urlOf('fails'));
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    expect((await fetch(urlOf('whole'))).status).toBe(200);
  });
});
