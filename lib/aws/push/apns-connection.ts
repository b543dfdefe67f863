import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { PushError } from '../../sync/ports/push.ts';
import {
  causeOf,
  type PushResponse,
  parseObject,
  REQUEST_TIMEOUT_MS,
  readResponseText,
  readRetryAfter,
} from './post.ts';

export interface ApnsConnection {
  /**
   * Sends a POST request and reads the response.
   * @throws {PushError} `temporary`: APNs did not respond, or its response is too large
   */
  post(path: string, headers: Readonly<Record<string, string>>, body: string): Promise<PushResponse>;
  close(): void;
}

/** After this time without messages, the connection is closed: a network could have dropped it without notice. */
const IDLE_MS = 5 * 60 * 1_000;

/**
 * Creates a connection to APNs, which accepts only HTTP/2. The connection is opened at the first request, and again
 * after it was closed. It does not keep the process alive.
 *
 * @param origin for example `https://api.push.apple.com`
 */
export function createApnsConnection(origin: string): ApnsConnection {
  let session: ClientHttp2Session | undefined;

  function open(): ClientHttp2Session {
    if (session !== undefined && !session.closed && !session.destroyed) return session;
    const opened = connect(origin);
    opened.unref();
    opened.setTimeout(IDLE_MS, () => opened.close());
    // Each request on the connection fails too, and reports the error, so nothing is done here.
    opened.on('error', () => undefined);
    // APNs accepts no more requests on this connection, but answers those in flight.
    opened.on('goaway', () => opened.close());
    session = opened;
    return opened;
  }

  return {
    async post(path, headers, body) {
      const opened = open();
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), REQUEST_TIMEOUT_MS);
      try {
        const stream = opened.request({ ...headers, ':method': 'POST', ':path': path });
        late.signal.addEventListener('abort', () => stream.close(constants.NGHTTP2_CANCEL));
        // If the connection is destroyed before it was established, the stream emits an error even after it was closed.
        // Without a listener, this error would end the process.
        stream.on('error', () => undefined);
        stream.end(body);
        return await readResponse(stream, late.signal);
      } catch (error) {
        // The connection may be dead without notice, so the next request opens another one. Other requests on this
        // connection continue until they time out.
        if (opened.connecting) opened.destroy();
        else opened.close();
        if (error instanceof PushError) throw error;
        throw new PushError('temporary', `APNs did not respond (${causeOf(error)})`);
      } finally {
        clearTimeout(timer);
      }
    },
    close() {
      session?.close();
    },
  };
}

/** @param late aborted when the response takes too long; the stream then ends before the response is complete */
async function readResponse(stream: ClientHttp2Stream, late: AbortSignal): Promise<PushResponse> {
  let head: IncomingHttpHeaders | undefined;
  stream.once('response', (headers) => {
    head = headers;
  });
  const text = await readResponseText(stream, 'APNs');
  if (late.aborted || head === undefined) throw new PushError('temporary', 'APNs did not respond (timeout)');
  const retryAfter = head['retry-after'];
  return {
    status: Number(head[':status']),
    body: parseObject(text),
    retryAfterMs: readRetryAfter(typeof retryAfter === 'string' ? retryAfter : undefined),
  };
}
