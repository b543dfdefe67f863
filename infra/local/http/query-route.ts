import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { answerQuery } from '../../../lib/wire/query/answer-query.ts';
import type { QueryApi } from '../../../lib/wire/query/query-api.ts';
import { receiveBody, type WireRequest } from '../../../lib/wire/request-body.ts';
import type { SigV4Verifier } from '../../../lib/wire/sigv4.ts';
import type { Route } from './http-server.ts';
import { sendResponse } from './send-response.ts';

/**
 * The service in the scope of the signatures of operators: the name that API Gateway expects of IAM callers, which
 * signing clients know. Source: API Gateway Developer Guide, "Invoke a method using IAM authorization".
 */
const SERVICE = 'execute-api';

/** An edited event can be as large as a record of a stream, and escapes make it larger. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** A client that reads nothing of a stream for this long is disconnected. */
const UNREAD_TIMEOUT_MS = 60_000;

// Repeats a constant of the query API, because importing the query API here would load it at every start.
const EVENT_STREAM = 'text/event-stream';

/**
 * Serves the query API. Reading requires no key, so the API answers only on loopback, and only pages of the port's own
 * origin. The routes for operators require a request that is signed with a developer's access key.
 *
 * @param open creates the query API; called at the first request
 * @param verify verifies the signatures of developers and identities
 */
export function createQueryRoute(open: () => Promise<QueryApi>, verify: SigV4Verifier): Route {
  let api: Promise<QueryApi> | undefined;
  return {
    matches: ({ target }) => /^\/query(?:[/?]|$)/.test(target),
    async answer(request, response) {
      const { body, isOperator } = await receive(request, verify);
      api ??= open().catch((error: unknown) => {
        api = undefined;
        throw error;
      });
      const answered = await answerQuery(await api, request, body, { isOperator });
      const headers = [...answered.headers];
      if (!isStream(answered)) {
        // As bytes, because a page can be large and would otherwise be decoded and encoded again.
        return sendResponse(response, answered.status, headers, await answered.bytes());
      }
      response.writeHead(answered.status, headers.flat());
      response.setTimeout(UNREAD_TIMEOUT_MS);
      // When the client disconnects or the port is closed, `pipeline` cancels the stream and throws. That is no error.
      await pipeline(Readable.fromWeb(answered.body), response).catch(() => undefined);
    },
  };
}

function isStream(answered: Response): answered is Response & { body: ReadableStream } {
  return answered.body !== null && answered.headers.get('content-type') === EVENT_STREAM;
}

/**
 * Receives the body and verifies the signature, if the request has one.
 * @throws {SignatureError} the signature is invalid
 */
async function receive(
  incoming: WireRequest,
  verify: SigV4Verifier,
): Promise<{ body: Uint8Array; isOperator: boolean }> {
  const signature = incoming.headers.authorization === undefined ? null : verify(incoming, SERVICE);
  if (incoming.method !== 'POST' && signature === null) return { body: new Uint8Array(), isOperator: false };
  const { body } = await receiveBody(incoming, MAX_BODY_BYTES);
  return { body, isOperator: signature?.confirm(body).kind === 'developer' };
}
