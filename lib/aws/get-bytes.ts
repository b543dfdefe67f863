import { once } from 'node:events';
import { type ClientRequest, type Agent as HttpAgent, get as httpGet, IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { addAbortSignal } from 'node:stream';

interface GetOptions {
  /** Must be an `https.Agent` for an https URL. */
  agent: HttpAgent;
  /** Cancels the request at any point, from name resolution to the last byte of the body. */
  signal: AbortSignal;
  headers?: Readonly<Record<string, string>>;
  maxBytes: number;
  /** Throws an error if the response must be rejected because of its status or headers. The body is then not read. */
  checkHead: (head: { status: number; headers: IncomingMessage['headers'] }) => void;
}

/** A response body is larger than allowed. */
export class BodyTooLargeError extends Error {
  override name = 'BodyTooLargeError';
}

/**
 * Sends a GET request and reads the whole response. Does not follow redirects, because the new URL would not be
 * validated. Does not decode the content, because decoded content could exceed the size limit.
 *
 * @throws {BodyTooLargeError} the body has more than `maxBytes`
 * @throws the error of `checkHead`, of the connection, or of the aborted signal
 */
export async function getBytes(
  url: URL,
  { agent, signal, headers, maxBytes, checkHead }: GetOptions,
): Promise<{ status: number; body: Buffer }> {
  const send = url.protocol === 'https:' ? httpsGet : httpGet;
  const request = send(url, { agent, headers: { ...headers, 'accept-encoding': 'identity' } });
  // If the socket fails while the body is read, the request also emits an error. Without this listener, that error
  // would be unhandled.
  request.on('error', () => {});
  try {
    const response = addAbortSignal(signal, await untilResponse(request, signal));
    const { statusCode: status = 0 } = response;
    checkHead({ status, headers: response.headers });
    return { status, body: await readBody(response, maxBytes) };
  } catch (error) {
    request.destroy();
    throw error;
  }
}

async function untilResponse(request: ClientRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const [response] = await once(request, 'response', { signal });
  if (!(response instanceof IncomingMessage)) throw new TypeError('not a response');
  return response;
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = () => new BodyTooLargeError(`the body is larger than ${maxBytes} bytes`);
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** Whether the body of a response is encoded, although `accept-encoding` allows no encoding. */
export function isEncoded(headers: IncomingMessage['headers']): boolean {
  return (headers['content-encoding'] || 'identity').toLowerCase() !== 'identity';
}

/** Returns the code or name of an error. Omits the message, which may quote received data. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
