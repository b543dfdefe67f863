import type { Agent as HttpAgent, IncomingMessage } from 'node:http';
import { PayloadRefusedError, PayloadUnavailableError } from '../stream/ports/fetch-payload.ts';
import { BodyTooLargeError, codeOf, getBytes, isEncoded } from './get-bytes.ts';

interface GetOptions {
  /** Must be an `https.Agent` for an https URL. */
  agent: HttpAgent;
  maxBytes: number;
  /** Time limit of the whole request: name resolution, connection, headers and body. */
  timeoutMs: number;
  /** Status codes that mean a permanent failure. Default: those for an expired or invalid link, or a deleted object. */
  gone?: ReadonlySet<number>;
}

const TIMEOUT_OR_THROTTLING = new Set([408, 429]);
/** Status codes with which S3 answers an expired or invalid link, or a link to a deleted object. */
const GONE: ReadonlySet<number> = new Set([400, 401, 403, 404, 410]);

/**
 * Downloads an event's payload from a validated URL, in one attempt. Error messages contain only the host of the URL.
 *
 * @throws {PayloadRefusedError} the failure is permanent
 * @throws {PayloadUnavailableError} the failure is transient, and a retry may succeed
 */
export async function getPayload(
  url: URL,
  { agent, maxBytes, timeoutMs, gone = GONE }: GetOptions,
): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(timeoutMs);
  const host = url.hostname;
  try {
    const checkHead = (head: Head) => checkPayloadHead(head, host, gone);
    return (await getBytes(url, { agent, signal, maxBytes, checkHead })).body;
  } catch (error) {
    if (error instanceof PayloadRefusedError || error instanceof PayloadUnavailableError) throw error;
    if (error instanceof BodyTooLargeError) {
      throw new PayloadRefusedError(`the payload is larger than ${maxBytes} bytes`);
    }
    throw new PayloadUnavailableError(
      signal.aborted
        ? `${host} did not respond completely within ${timeoutMs} ms`
        : `the connection to ${host} failed (${codeOf(error)})`,
    );
  }
}

interface Head {
  status: number;
  headers: IncomingMessage['headers'];
}

function checkPayloadHead({ status, headers }: Head, host: string, gone: ReadonlySet<number>): void {
  const answer = `${host} answered ${status}`;
  if (status >= 500 || TIMEOUT_OR_THROTTLING.has(status)) throw new PayloadUnavailableError(answer);
  if (gone.has(status)) {
    throw new PayloadRefusedError(
      `${answer}: the link has expired or the object is gone; run \`reconcile\` for the pool`,
    );
  }
  if (GONE.has(status)) throw new PayloadUnavailableError(answer);
  if (status >= 300 && status < 400) {
    throw new PayloadRefusedError(`${answer}: redirects are not followed`);
  }
  if (status !== 200) throw new PayloadRefusedError(`${answer} instead of 200`);
  if (isEncoded(headers)) {
    throw new PayloadRefusedError(`${host} answered with a content-encoding that was not requested`);
  }
}
