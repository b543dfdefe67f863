import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { isAnyAddress, isLoopback, LOOPBACK } from '../../../lib/common/loopback.ts';
import type { RawRequest } from '../../../lib/wire/sigv4.ts';

/** A service behind the port. */
export interface Route {
  /** Accepts requests from web pages of other origins. Routes without this reject them. */
  anyOrigin?: true;
  /** Served on every address that the port listens on. Other routes are served on loopback only. */
  offLoopback?: true;
  matches(request: Omit<RawRequest, 'body'>): boolean;
  answer(request: RawRequest, response: ServerResponse): void | Promise<void>;
}

export interface HttpServer {
  /** The port that the server listens on: the requested one, or the assigned one if 0 was requested. */
  port: number;
  close(): Promise<void>;
}

export interface HttpServerOptions {
  /** The address to listen on. The port is always reachable on this machine's loopback address as well. */
  host: string;
  port: number;
  /** The first route that matches answers the request. */
  routes: readonly Route[];
}

/** The Kinesis emulator accepts PutRecords of at most 7 MiB. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const NO_BODY = Buffer.alloc(0);

/**
 * Starts the HTTP port of the local cloud. It rejects requests that were not meant for it. A foreign `Host` means that
 * another party's name resolves to this machine. A foreign `Origin` means another party's web page, which only reaches
 * routes that accept any origin. Off loopback, any `Host` is accepted, but only routes with `offLoopback` are served.
 *
 * @throws the error of the system, for example EADDRINUSE, if it cannot listen
 */
export async function startHttpServer({ host, port, routes }: HttpServerOptions): Promise<HttpServer> {
  const inFlight = new Set<Promise<void>>();
  const listener: RequestListener = (request, response) => {
    const answered = answer(request, response, routes)
      .catch((error: unknown) => {
        if (!response.headersSent) sendJson(response, 500, { message: 'internal error' });
        response.destroy();
        console.error(error);
      })
      .finally(() => inFlight.delete(answered));
    inFlight.add(answered);
  };
  const servers: Server[] = [];
  /** Stops accepting requests and waits for those in flight. */
  async function close(): Promise<void> {
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const server of servers) server.closeAllConnections();
    await Promise.all([...closed, ...inFlight]);
  }

  let listening = port;
  for (const address of addressesOf(host)) {
    const server = createServer(listener);
    try {
      listening = await listen(server, address, listening);
    } catch (error) {
      await close();
      throw error;
    }
    servers.push(server);
  }
  return { port: listening, close };
}

/** Returns the addresses to listen on. An address of a network does not include loopback; the wildcard address does. */
function addressesOf(host: string): string[] {
  return isLoopback(host) || isAnyAddress(host) ? [host] : [host, LOOPBACK];
}

/** @returns the port that was assigned */
async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}

async function answer(
  incoming: IncomingMessage,
  response: ServerResponse,
  routes: readonly Route[],
): Promise<void> {
  const { method = 'GET', url: target = '/', headers } = incoming;
  // A client that disconnects is not a failure of the server.
  incoming.on('error', () => undefined);
  response.on('error', () => undefined);
  const isOwnMachine = isLoopback(incoming.socket.localAddress ?? '');
  if (isOwnMachine && !isOwnHost(headers.host))
    return sendJson(response, 403, { message: 'this Host is not allowed' });
  const route = routes.find(
    (candidate) => (isOwnMachine || candidate.offLoopback) && candidate.matches({ method, target, headers }),
  );
  if (!route?.anyOrigin && !isOwnOrigin(headers.origin, headers.host))
    return sendJson(response, 403, { message: 'this Origin is not allowed' });
  const body = await readBody(incoming);
  if (body === 'aborted') return;
  if (body === 'too large') return sendTooLarge(response);
  if (!route) {
    const message = isOwnMachine ? 'no service has this path; see /healthz' : 'no service has this path';
    return sendError(response, 404, 'UnknownOperationException', message);
  }
  await route.answer({ method, target, headers, body }, response);
}

function sendTooLarge(response: ServerResponse): void {
  const message = `the request body is larger than ${MAX_BODY_BYTES} bytes`;
  sendError(response, 413, 'RequestEntityTooLarge', message);
}

/** Uses the form of AWS's errors, which the clients of these services read. */
function sendError(response: ServerResponse, status: number, code: string, message: string): void {
  sendJson(response, status, { __type: code, message }, { 'x-amzn-ErrorType': `${code}:` });
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

/** Accepts a loopback name with any port, because the request may come through a forwarded port. */
function isOwnHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = host.toLowerCase().replace(/:\d+$/, '');
  return isLoopback(name.startsWith('[') ? name.slice(1, -1) : name);
}

function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  return origin === undefined || origin === `http://${host}`;
}

/** Reads the whole body, because signatures cover it. Resolves immediately without a body, as most requests are. */
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
