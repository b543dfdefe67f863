import { once } from 'node:events';
import { type ClientRequest, type Agent as HttpAgent, get as httpGet, IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { addAbortSignal } from 'node:stream';
import { PayloadRefusedError, PayloadUnavailableError } from '../stream/ports/fetch-payload.ts';

interface GetOptions {
  /** Must be an `https.Agent` for an https URL. */
  agent: HttpAgent;
  maxBytes: number;
  /** Time limit of the whole request: name resolution, connection, headers and body. */
  timeoutMs: number;
}

const TIMEOUT_OR_THROTTLING = new Set([408, 429]);
/** Status codes with which S3 answers an expired or invalid link, or a link to a deleted object. */
const GONE = new Set([400, 401, 403, 404, 410]);

/**
 * Downloads the payload at a validated URL, in one attempt. Does not follow redirects, because the new URL would not be
 * validated. Does not decode the content, because decoded content could exceed the size limit. Error messages contain
 * only the host of the URL.
 *
 * @throws {PayloadRefusedError} the failure is permanent
 * @throws {PayloadUnavailableError} the failure is transient, and a retry may succeed
 */
export async function getPayload(url: URL, { agent, maxBytes, timeoutMs }: GetOptions): Promise<Uint8Array> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const send = url.protocol === 'https:' ? httpsGet : httpGet;
  const request = send(url, { agent, headers: { 'accept-encoding': 'identity' } });
  // If the socket fails while the body is read, the request also emits an error. Without this listener, that error
  // would be unhandled.
  request.on('error', () => {});
  try {
    const response = addAbortSignal(deadline, await untilResponse(request, deadline));
    checkHead(response, url.hostname);
    return await readBody(response, maxBytes);
  } catch (error) {
    request.destroy();
    if (error instanceof PayloadRefusedError || error instanceof PayloadUnavailableError) throw error;
    throw new PayloadUnavailableError(
      deadline.aborted
        ? `${url.hostname} did not respond completely within ${timeoutMs} ms`
        : `the connection to ${url.hostname} failed (${codeOf(error)})`,
    );
  }
}

async function untilResponse(request: ClientRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const [response] = await once(request, 'response', { signal });
  if (!(response instanceof IncomingMessage)) throw new TypeError('not a response');
  return response;
}

function checkHead({ statusCode = 0, headers }: IncomingMessage, host: string): void {
  const answer = `${host} answered ${statusCode}`;
  if (statusCode >= 500 || TIMEOUT_OR_THROTTLING.has(statusCode)) throw new PayloadUnavailableError(answer);
  if (GONE.has(statusCode)) {
    throw new PayloadRefusedError(
      `${answer}: the link has expired or the object is gone; run \`reconcile\` for the pool`,
    );
  }
  if (statusCode >= 300 && statusCode < 400) {
    throw new PayloadRefusedError(`${answer}: redirects are not followed`);
  }
  if (statusCode !== 200) throw new PayloadRefusedError(`${answer} instead of 200`);
  const encoding = headers['content-encoding'] || 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new PayloadRefusedError(`${host} answered with a content-encoding that was not requested`);
  }
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () => new PayloadRefusedError(`the payload is larger than ${maxBytes} bytes`);
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

/** Returns the code or name of an error. Omits the message, which may quote received data. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
