import { randomUUID } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { isLoopback } from '../../../lib/common/loopback.ts';
import type { RequestHead } from '../../../lib/wire/canonical-request.ts';
import { type Refusal, RequestError, refusalOf, toErrorResponse } from '../../../lib/wire/errors.ts';
import { logRefusal } from '../../../lib/wire/log-refusal.ts';
import type { OriginRule } from '../../../lib/wire/origins.ts';
import type { WireRequest } from '../../../lib/wire/request-body.ts';
import { createSourceAddresses, type SourceAddresses } from '../../../lib/wire/source-address.ts';
import type { WireLogger } from '../../../lib/wire/wire-response.ts';
import { createBodyReader } from './body-reader.ts';
import { createConnectionLimit } from './connection-limit.ts';
import { createDrain, type Drain, type DrainReport } from './drain.ts';
import { addressesOf, listen } from './listen.ts';
import { createPipelineLimit } from './pipeline-limit.ts';
import { DEFAULT_PORT_LIMITS, type PortLimits } from './port-limits.ts';
import { sendResponse } from './send-response.ts';

/** A service behind the port. */
export interface Route {
  /**
   * Whether web pages of other origins may call the route, if `acceptsOrigin` accepts the origin. Otherwise only pages
   * of the port's own origin may call.
   */
  anyOrigin?: true;
  /** Whether the route is served on every address that the port listens on. Otherwise it is served on loopback only. */
  offLoopback?: true;
  matches(request: RequestHead): boolean;
  /**
   * Answers the request. Reads the body only if it is needed for the answer. May throw the errors of `request.body`.
   */
  answer(request: WireRequest, response: ServerResponse): void | Promise<void>;
}

export interface HttpServer {
  /**
   * The port that the server listens on: the requested port, or the port that the system assigned if 0 was requested.
   */
  port: number;
  /**
   * From now on, answers new requests to `offLoopback` routes with 503, and closes their connections after each answer.
   * Waits until the requests in flight to these routes are answered, for at most `timeoutMs`, and then until their
   * clients are silent, for at most a second. The other routes are still served, because the local cloud itself uses
   * them until it is closed.
   */
  drain(timeoutMs: number): Promise<DrainReport>;
  /** Closes the port. After `drain`, first answers the requests that were sent before the port closed. */
  close(): Promise<void>;
}

export interface HttpServerOptions {
  /** The address to listen on. The port is always reachable on this machine's loopback address as well. */
  host: string;
  port: number;
  /** The first route that matches answers the request. */
  routes: readonly Route[];
  /** Decides which foreign origins the routes with `anyOrigin` accept. Default: all. */
  acceptsOrigin?: OriginRule;
  /** The CIDRs of the reverse proxies whose header `X-Forwarded-For` is trusted. Default: none. */
  trustedProxies?: readonly string[];
  /** The state that `drain` of the server changes, if the routes use it too. */
  drain?: Drain;
  /** Limits that differ from the defaults. */
  limits?: Partial<PortLimits>;
  /** Logs the errors that routes throw, except errors that the caller caused. Default: the console. */
  logger?: WireLogger;
}

/** Maximum time between two checks in which Node closes the connections that are too slow. */
const MAX_CHECK_INTERVAL_MS = 1_000;

/**
 * Starts the HTTP port of the local cloud. It rejects two kinds of requests from foreign web pages before it reads
 * their bodies:
 *
 * - Requests on loopback with a foreign `Host`. Their host name belongs to another party but resolves to this machine
 *   (DNS rebinding).
 * - Requests with a foreign `Origin`, unless their route accepts that origin.
 *
 * On addresses other than loopback, any `Host` is accepted, but only routes with `offLoopback` are served.
 *
 * @throws the error of the system, for example EADDRINUSE, if it cannot listen
 */
export async function startHttpServer({
  host,
  port,
  routes,
  acceptsOrigin = () => true,
  trustedProxies = [],
  drain = createDrain(),
  logger = console,
  ...more
}: HttpServerOptions): Promise<HttpServer> {
  const limits = { ...DEFAULT_PORT_LIMITS, ...more.limits };
  const sources = createSourceAddresses(trustedProxies);
  const behind = { drain, routes, acceptsOrigin, sources, openBody: createBodyReader(limits), logger };
  const servers: Server[] = [];
  const limitConnection = createConnectionLimit(limits, sources.isProxy, () => {
    for (const server of servers) server.closeIdleConnections();
  });
  const inFlight = new Set<Promise<void>>();
  const admit = createPipelineLimit(limits.requestsPerConnection, limitConnection.penalize);
  const listener: RequestListener = (request, response) => {
    if (!admit(request, response)) return;
    response.once('prefinish', () => response.setTimeout(limits.unreadTimeoutMs));
    const answered = answer(request, response, behind)
      .catch((error: unknown) => {
        if (!response.headersSent) sendJson(response, 500, { message: 'internal error' });
        response.destroy();
        logger.error('a request failed', { error });
      })
      .finally(() => inFlight.delete(answered));
    inFlight.add(answered);
  };
  /** Stops accepting requests and waits for the requests in flight. */
  async function close(): Promise<void> {
    let closed: Promise<void>[] = [];
    await drain.end(() => {
      closed = servers.map((server) => new Promise((resolve) => server.close(() => resolve())));
    });
    for (const server of servers) server.closeAllConnections();
    await Promise.all([...closed, ...inFlight]);
  }

  let listening = port;
  for (const address of addressesOf(host)) {
    const server = createServer(
      {
        headersTimeout: limits.headersTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        keepAliveTimeout: limits.idleTimeoutMs,
        connectionsCheckingInterval: Math.min(MAX_CHECK_INTERVAL_MS, limits.headersTimeoutMs),
      },
      listener,
    );
    server.on('connection', limitConnection.onConnection).on('connection', drain.onConnection);
    server.on('checkContinue', listener);
    try {
      listening = await listen(server, address, listening);
    } catch (error) {
      await close();
      throw error;
    }
    servers.push(server);
  }
  return { port: listening, drain: drain.start, close };
}

interface Behind {
  drain: Drain;
  routes: readonly Route[];
  acceptsOrigin: OriginRule;
  sources: SourceAddresses;
  openBody: ReturnType<typeof createBodyReader>;
  logger: WireLogger;
}

/** Finds the route for the head of a request, checks `Host` and `Origin`, and lets the route answer. */
async function answer(
  incoming: IncomingMessage,
  response: ServerResponse,
  { drain, routes, acceptsOrigin, sources, openBody, logger }: Behind,
): Promise<void> {
  const { method = 'GET', url: target = '/', headers } = incoming;
  // A client that disconnects is not a failure of the server.
  incoming.on('error', () => undefined);
  response.on('error', () => undefined);
  const { localAddress = '', remoteAddress = '' } = incoming.socket;
  const isOwnMachine = isLoopback(localAddress);
  if (isOwnMachine && !isOwnHost(headers.host))
    return sendJson(response, 403, { message: 'this Host is not allowed; use localhost' });
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
  if (route.offLoopback) {
    if (drain.hasStarted()) {
      await drain.enterLate(response);
      return sendError(response, new RequestError('ServiceUnavailable', 'the service is stopping', 1));
    }
    drain.enter(response);
  } else drain.ignore(incoming.socket);
  const body = openBody(incoming, response, sourceAddress);
  try {
    await route.answer({ ...head, body: body.read }, response);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined || response.headersSent) throw error;
    const requestId = randomUUID();
    logRefusal(logger, error, refusal, { requestId });
    sendError(response, refusal, requestId);
  } finally {
    body.release();
  }
}

/** Sends an error in the form of AWS's errors, with a request id, which the SDKs show with the error. */
function sendError(response: ServerResponse, error: Refusal, requestId: string = randomUUID()): void {
  const { status, headers, body } = toErrorResponse(error);
  sendResponse(response, status, [['x-amzn-RequestId', requestId], ...headers], body);
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

/**
 * Returns whether `Host` names this machine. Any port is accepted, because the request may come through a forwarded
 * port.
 */
function isOwnHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = host.toLowerCase().replace(/:\d+$/, '');
  return isLoopback(name.startsWith('[') ? name.slice(1, -1) : name);
}

function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  return origin === undefined || origin === `http://${host}`;
}
