import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { RawRequest } from '../../lib/wire/sigv4.ts';

/** One of the services behind the port. */
export interface Route {
  /** Web pages of other origins may ask here; everywhere else they are refused. */
  anyOrigin?: true;
  matches(request: Omit<RawRequest, 'body'>): boolean;
  answer(request: RawRequest, response: ServerResponse): void | Promise<void>;
}

export interface Port {
  /** The port it listens on; the one asked for, or the one given where 0 was asked for. */
  port: number;
  close(): Promise<void>;
}

export interface PortOptions {
  host: string;
  port: number;
  /** The first that matches answers. */
  routes: readonly Route[];
}

/** The largest PutRecords the Kinesis emulator takes is 7 MiB. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const NO_BODY = Buffer.alloc(0);
const LOOPBACK_NAMES = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * The one HTTP port of the local cloud. It answers only requests that were meant for it: one with a foreign `Host`
 * comes from a name that somebody else made point here, one with a foreign `Origin` from somebody else's web page,
 * which only gets as far as a route that welcomes it.
 *
 * @throws the system's error, such as EADDRINUSE, where it cannot listen
 */
export async function startPort({ host, port, routes }: PortOptions): Promise<Port> {
  const underWay = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const answered = answer(request, response, routes)
      .catch((error: unknown) => {
        if (!response.headersSent) sendJson(response, 500, { message: 'internal error' });
        response.destroy();
        console.error(error);
      })
      .finally(() => underWay.delete(answered));
    underWay.add(answered);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return {
    port: address.port,
    /** Takes no more requests, and waits for the work of those it has. */
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await Promise.all([closed, ...underWay]);
    },
  };
}

async function answer(
  incoming: IncomingMessage,
  response: ServerResponse,
  routes: readonly Route[],
): Promise<void> {
  const { method = 'GET', url: target = '/', headers } = incoming;
  // A client that goes away is nobody's failure.
  incoming.on('error', () => undefined);
  response.on('error', () => undefined);
  if (!isOwnHost(headers.host)) return sendJson(response, 403, { message: 'this Host is not served here' });
  const route = routes.find((candidate) => candidate.matches({ method, target, headers }));
  if (!route?.anyOrigin && !isOwnOrigin(headers.origin, headers.host))
    return sendJson(response, 403, { message: 'this Origin may not ask here' });
  const body = await readBody(incoming);
  if (body === 'aborted') return;
  if (body === 'too large') return sendTooLarge(response);
  if (!route) return sendJson(response, 404, { message: 'nothing is served here; see /healthz' });
  await route.answer({ method, target, headers, body }, response);
}

/** In the form of AWS's errors, which is what clients of these ports read. */
function sendTooLarge(response: ServerResponse): void {
  const code = 'RequestEntityTooLarge';
  const message = `a request body is at most ${MAX_BODY_BYTES} bytes`;
  sendJson(response, 413, { __type: code, message }, { 'x-amzn-ErrorType': `${code}:` });
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** Any port will do: the way here may lead through a forwarded one. */
function isOwnHost(host: string | undefined): boolean {
  return host !== undefined && LOOPBACK_NAMES.has(host.replace(/:\d+$/, '').toLowerCase());
}

function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  return origin === undefined || origin === `http://${host}`;
}

/** The whole body, because signatures are made over it. Most requests have none, and then there is nothing to wait for. */
function readBody(incoming: IncomingMessage): Promise<Buffer | 'too large' | 'aborted'> {
  const { 'content-length': length, 'transfer-encoding': encoding } = incoming.headers;
  if (encoding === undefined && (length === undefined || length === '0')) return Promise.resolve(NO_BODY);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else resolve('too large');
    });
    incoming.once('end', () => resolve(Buffer.concat(chunks)));
    incoming.once('close', () => resolve('aborted'));
  });
}
