import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** A complete request, and the response to it. */
export interface Exchange {
  method: string;
  /** As on the request line. */
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
  sentAt: number;
}

export interface Answer {
  status: number;
  /** Alternating names and values, in their original letter case. */
  rawHeaders: string[];
  body: Buffer;
}

/** What happens to a request in place of being forwarded, or before that. */
export type Disturbance = 'cut' | { status: number; code: string } | { delayMs: number } | null;

export interface ProxyOptions {
  /** The service to which requests go now. */
  upstream: () => string;
  disturb?: (exchange: Exchange) => Disturbance;
  /**
   * Receives each forwarded request with its answer, before the client receives the answer; null if there is no answer,
   * so that the service may have executed the request. @returns false if the client must not receive the answer
   */
  observe: (exchange: Exchange, answer: Answer | null) => boolean;
}

export interface RecordingProxy {
  url: string;
  close(): Promise<void>;
}

const agent = new Agent({ keepAlive: true, maxSockets: 200 });

/**
 * Starts a proxy on a free port. It forwards requests unchanged, so their signatures stay valid. If the service does not
 * respond, the proxy closes the client's connection, as the service itself would.
 */
export async function startProxy({ upstream, disturb, observe }: ProxyOptions): Promise<RecordingProxy> {
  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { method = '', url: path = '', headers } = incoming;
    const body = Buffer.concat(chunks);
    const exchange = { method, path, headers, body: body.toString(), sentAt: Date.now() };
    const disturbance = disturb?.(exchange) ?? null;
    if (disturbance === 'cut') return void incoming.socket.destroy();
    if (disturbance !== null && 'status' in disturbance) {
      const { status, code } = disturbance;
      response.writeHead(status, { 'x-amzn-ErrorType': code, 'content-type': 'application/x-amz-json-1.1' });
      return void response.end(JSON.stringify({ __type: code, message: 'Rate exceeded' }));
    }
    if (disturbance !== null) await sleep(disturbance.delayMs);
    const answer = await forward(upstream(), incoming, body);
    if (answer === 'not sent') return void incoming.socket.destroy();
    if (!observe(exchange, answer) || answer === null) return void incoming.socket.destroy();
    response.writeHead(answer.status, answer.rawHeaders);
    response.end(answer.body);
  }
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return { url: `http://127.0.0.1:${portOf(server)}`, close: () => closeServer(server) };
}

/** @returns null if the connection ended without an answer; `not sent` if the service did not accept a connection */
function forward(
  url: string,
  { method, url: path, rawHeaders }: IncomingMessage,
  body: Buffer,
): Promise<Answer | null | 'not sent'> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const sent = request({ hostname, port, method, path, headers: rawHeaders, agent }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('error', () => resolve(null));
      answer.once('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          rawHeaders: withoutConnection(answer.rawHeaders),
          body: Buffer.concat(chunks),
        }),
      );
    });
    sent.once('error', (error) =>
      resolve('code' in error && error.code === 'ECONNREFUSED' ? 'not sent' : null),
    );
    sent.end(body);
  });
}

/** The proxy has its own connections and sends complete bodies. */
function withoutConnection(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    if (!/^(connection|keep-alive|transfer-encoding|content-length)$/i.test(name)) kept.push(name, value);
  }
  return kept;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((closed) => server.close(() => closed()));
}
