import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasBody } from './body-reader.ts';

/** A rest of a body up to this size is read and discarded, because a new connection would cost the client more. */
const SMALL_BODY_BYTES = 16 * 1024;
// If the connection is reset while the client still sends, the client may never read the response. So some of the body
// is discarded first, within these limits.
const LINGER_MS = 500;
const LINGER_BYTES = 8 * 1024 * 1024;

/**
 * Sends a complete response, with the header names in the given letter case. If a large body of the request has not
 * been read to its end, the connection is closed afterwards. So the server does not receive a body that it rejected.
 */
export function sendResponse(
  response: ServerResponse,
  status: number,
  headers: readonly (readonly [name: string, value: string])[],
  body: string,
): void {
  const { req: incoming } = response;
  const lines = [...headers.flat(), 'Content-Length', String(Buffer.byteLength(body))];
  if (incoming.complete || !hasBody(incoming) || hasSmallBody(incoming)) {
    response.writeHead(status, lines);
    response.end(body);
    return;
  }
  response.writeHead(status, [...lines, 'Connection', 'close']);
  response.flushHeaders();
  response.write(body);
  void discardSome(incoming).then(() => response.end());
}

/** Returns false if the client waits for permission to send (`Expect`): it may never send the body. */
function hasSmallBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length = Number.POSITIVE_INFINITY, expect } = headers;
  return expect === undefined && Number(length) <= SMALL_BODY_BYTES;
}

/** Discards the body until it ends, the client disconnects, or a limit of time or bytes is reached. */
function discardSome(incoming: IncomingMessage): Promise<void> {
  if (incoming.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, LINGER_MS);
    let bytes = 0;
    function done(): void {
      clearTimeout(timer);
      resolve();
    }
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > LINGER_BYTES) done();
    });
    incoming.once('close', done).once('end', done).resume();
  });
}
