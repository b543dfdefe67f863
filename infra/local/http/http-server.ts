import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { isAnyAddress, isLoopback, LOOPBACK } from '../../../lib/common/loopback.ts';
import type { RequestHead } from '../../../lib/wire/canonical-request.ts';
import { RequestError, retryHeaders } from '../../../lib/wire/errors.ts';
import type { WireRequest } from '../../../lib/wire/request-body.ts';
import { createSourceAddresses, type SourceAddresses } from '../../../lib/wire/source-address.ts';
import { createBodyReader } from './body-reader.ts';
import { createConnectionLimit } from './connection-limit.ts';
import type { OriginRule } from './origins.ts';
import { DEFAULT_PORT_LIMITS, type PortLimits } from './port-limits.ts';
import { sendResponse } from './send-response.ts';

/** A service behind the port. */
export interface Route {
  /** Accepts requests of web pages of the origins that the port accepts; every other route rejects foreign ones. */
  anyOrigin?: true;
  /** Served on every address that the port listens on. Other routes are served on loopback only. */
  offLoopback?: true;
  matches(request: RequestHead): boolean;
  /** Reads the body if it needs it. May throw the errors of the body. */
  answer(request: WireRequest, response: ServerResponse): void | Promise<void>;
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
  /** The foreign origins that routes with `anyOrigin` accept. Default: all. */
  acceptsOrigin?: OriginRule;
  /** The CIDRs of reverse proxies whose `X-Forwarded-For` is believed. Default: none. */
  trustedProxies?: readonly string[];
  /** Limits that differ from the defaults. */
  limits?: Partial<PortLimits>;
}

/** Node closes a connection that is too slow at the end of such an interval. */
const MAX_CHECK_INTERVAL_MS = 1_000;

/**
 * Starts the HTTP port of the local cloud. It rejects requests that were not meant for it, before it reads their bodies. A
 * foreign `Host` means that another party's name resolves to this machine. A foreign `Origin` means another party's web
 * page, which only reaches routes that accept its origin. Off loopback, any `Host` is accepted, but only the routes for
 * other machines are served.
 *
 * @throws the error of the system, for example EADDRINUSE, if it cannot listen
 */
export async function startHttpServer({
  host,
  port,
  routes,
  acceptsOrigin = () => true,
  trustedProxies = [],
  ...more
}: HttpServerOptions): Promise<HttpServer> {
  const limits = { ...DEFAULT_PORT_LIMITS, ...more.limits };
  const sources = createSourceAddresses(trustedProxies);
  const behind = { routes, acceptsOrigin, sources, openBody: createBodyReader(limits) };
  const limitConnection = createConnectionLimit(limits, sources.isProxy);
  const inFlight = new Set<Promise<void>>();
  const listener: RequestListener = (request, response) => {
    response.once('prefinish', () => response.setTimeout(limits.unreadTimeoutMs));
    const answered = answer(request, response, behind)
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
    const server = createServer(
      {
        headersTimeout: limits.headersTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        connectionsCheckingInterval: Math.min(MAX_CHECK_INTERVAL_MS, limits.headersTimeoutMs),
      },
      listener,
    );
    server.on('connection', limitConnection).on('checkContinue', listener);
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

interface Behind {
  routes: readonly Route[];
  acceptsOrigin: OriginRule;
  sources: SourceAddresses;
  openBody: ReturnType<typeof createBodyReader>;
}

/** Decides by the head which route answers the request, and whether it may. */
async function answer(
  incoming: IncomingMessage,
  response: ServerResponse,
  { routes, acceptsOrigin, sources, openBody }: Behind,
): Promise<void> {
  const { method = 'GET', url: target = '/', headers } = incoming;
  // A client that disconnects is not a failure of the server.
  incoming.on('error', () => undefined);
  response.on('error', () => undefined);
  const { localAddress = '', remoteAddress = '' } = incoming.socket;
  const isOwnMachine = isLoopback(localAddress);
  if (isOwnMachine && !isOwnHost(headers.host))
    return sendJson(response, 403, { message: 'this Host is not allowed' });
  const sourceAddress = sources.of(remoteAddress, headers);
  const head = { method, target, headers, sourceAddress };
  const route = routes.find(
    (candidate) => (isOwnMachine || candidate.offLoopback) && candidate.matches(head),
  );
  const { origin } = headers;
  const isAllowed =
    isOwnOrigin(origin, headers.host) || (route?.anyOrigin === true && acceptsOrigin(origin ?? ''));
  if (!isAllowed) {
    const advice = route?.anyOrigin ? '; add it to ORIGINS' : '';
    return sendJson(response, 403, { message: `this Origin is not allowed${advice}` });
  }
  if (!route) {
    const message = isOwnMachine ? 'no service has this path; see /healthz' : 'no service has this path';
    return sendError(response, new RequestError('UnknownOperationException', message));
  }
  const body = openBody(incoming, response, sourceAddress);
  try {
    await route.answer({ ...head, body: body.read }, response);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    sendError(response, error);
  } finally {
    body.release();
  }
}

/** Uses the form of AWS's errors, which the clients of these services read. */
function sendError(response: ServerResponse, error: RequestError): void {
  const { status, code, message } = error;
  const headers = Object.fromEntries(retryHeaders(error));
  sendJson(response, status, { __type: code, message }, { ...headers, 'x-amzn-ErrorType': `${code}:` });
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const all = { 'Content-Type': 'application/json', ...headers };
  sendResponse(response, status, Object.entries(all), JSON.stringify(body));
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
