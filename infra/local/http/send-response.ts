import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasBody } from './body-reader.ts';

/**
 * Maximum size of a body whose unread rest is read and discarded, so that the connection stays open. For such a small
 * body, a new connection would cost the client more than sending the rest.
 */
const SMALL_BODY_BYTES = 16 * 1024;
// Limits of reading a rejected large body. If the connection were closed while the client still sends, it would be
// reset, and the client might never read the response. So the body is read and discarded first, up to these limits.
const LINGER_MS = 500;
const LINGER_BYTES = 8 * 1024 * 1024;

/**
 * Sends a complete response, with the header names in the given letter case. If the request has a large body that was
 * not read to its end, closes the connection after the response. The server therefore need not receive the whole body
 * of a rejected request.
 */
export function sendResponse(
  response: ServerResponse,
  status: number,
  headers: readonly (readonly [name: string, value: string])[],
  body: string | Uint8Array,
): void {
  const { req: incoming } = response;
  const lines = [...headers.flat(), 'Content-Length', String(Buffer.byteLength(body))];
  // If the connection closes in any case, the rest is read first even of a small body.
  const canDiscardLater = response.shouldKeepAlive && hasSmallBody(incoming);
  if (incoming.complete || !hasBody(incoming) || canDiscardLater) {
    response.writeHead(status, lines);
    response.end(body);
    return;
  }
  response.writeHead(status, [...lines, 'Connection', 'close']);
  response.flushHeaders();
  response.write(body);
  void discardSome(incoming).then(() => response.end());
}

/**
 * Returns whether the body is small enough to be read and discarded. Returns false if the client sent `Expect` and
 * waits for permission to send the body, because it may never send the body.
 */
function hasSmallBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length = Number.POSITIVE_INFINITY, expect } = headers;
  return expect === undefined && Number(length) <= SMALL_BODY_BYTES;
}

/** Reads and discards the body until it ends, the client disconnects, or a limit of time or bytes is reached. */
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
