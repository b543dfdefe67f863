import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { isAnyAddress, isLoopback, LOOPBACK } from '../../../lib/common/loopback.ts';
import type { RawRequest } from '../../../lib/wire/sigv4.ts';

/** One of the services behind the port. */
export interface Route {
  /** Web pages of other origins may ask here; everywhere else they are refused. */
  anyOrigin?: true;
  /** Served on every address that is listened on. Everything else is for this machine alone. */
  offLoopback?: true;
  matches(request: Omit<RawRequest, 'body'>): boolean;
  answer(request: RawRequest, response: ServerResponse): void | Promise<void>;
}

export interface HttpServer {
  /** The port it listens on; the one asked for, or the one given where 0 was asked for. */
  port: number;
  close(): Promise<void>;
}

export interface HttpServerOptions {
  /** Where to listen. This machine itself can always ask on its loopback address. */
  host: string;
  port: number;
  /** The first that matches answers. */
  routes: readonly Route[];
}

/** The largest PutRecords the Kinesis emulator takes is 7 MiB. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const NO_BODY = Buffer.alloc(0);

/**
 * The one HTTP port of the local cloud. It answers only requests that were meant for it: one with a foreign `Host`
 * comes from a name that somebody else made point here, one with a foreign `Origin` from somebody else's web page,
 * which only gets as far as a route that welcomes it. Off loopback it may have any name, and has but the routes for that.
 *
 * @throws the system's error, such as EADDRINUSE, where it cannot listen
 */
export async function startHttpServer({ host, port, routes }: HttpServerOptions): Promise<HttpServer> {
  const underWay = new Set<Promise<void>>();
  const listener: RequestListener = (request, response) => {
    const answered = answer(request, response, routes)
      .catch((error: unknown) => {
        if (!response.headersSent) sendJson(response, 500, { message: 'internal error' });
        response.destroy();
        console.error(error);
      })
      .finally(() => underWay.delete(answered));
    underWay.add(answered);
  };
  const servers: Server[] = [];
  /** Takes no more requests, and waits for the work of those it has. */
  async function close(): Promise<void> {
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const server of servers) server.closeAllConnections();
    await Promise.all([...closed, ...underWay]);
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

/** An address of this machine's network leaves loopback out; one that stands for all of them does not. */
function addressesOf(host: string): string[] {
  return isLoopback(host) || isAnyAddress(host) ? [host] : [host, LOOPBACK];
}

/** @returns the port it was given */
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
  // A client that goes away is nobody's failure.
  incoming.on('error', () => undefined);
  response.on('error', () => undefined);
  const isOwnMachine = isLoopback(incoming.socket.localAddress ?? '');
  if (isOwnMachine && !isOwnHost(headers.host))
    return sendJson(response, 403, { message: 'this Host is not served here' });
  const route = routes.find(
    (candidate) => (isOwnMachine || candidate.offLoopback) && candidate.matches({ method, target, headers }),
  );
  if (!route?.anyOrigin && !isOwnOrigin(headers.origin, headers.host))
    return sendJson(response, 403, { message: 'this Origin may not ask here' });
  const body = await readBody(incoming);
  if (body === 'aborted') return;
  if (body === 'too large') return sendTooLarge(response);
  if (!route) {
    const message = isOwnMachine ? 'nothing is served here; see /healthz' : 'nothing is served here';
    return sendJson(response, 404, { message });
  }
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
  if (host === undefined) return false;
  const name = host.toLowerCase().replace(/:\d+$/, '');
  return isLoopback(name.startsWith('[') ? name.slice(1, -1) : name);
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
