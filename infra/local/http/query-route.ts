import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RequestHead } from '../../../lib/wire/canonical-request.ts';
import type { QueryApi } from '../../../lib/wire/query/query-api.ts';
import { receiveBody, type WireRequest } from '../../../lib/wire/request-body.ts';
import type { SigV4Verifier } from '../../../lib/wire/sigv4.ts';
import { type Route, sendJson } from './http-server.ts';
import { sendResponse } from './send-response.ts';

/**
 * The service in the scope of signatures. API Gateway expects the same name, so clients sign requests to the deployed
 * query API in the same way. Source: API Gateway Developer Guide, "Invoke a method using IAM authorization".
 */
const SERVICE = 'execute-api';

/** An edited event can be as large as a record of a stream, and escapes make it larger. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

const METHODS = ['GET', 'POST'];

/** Headers of a request that the query API reads. */
const FORWARDED = ['accept', 'content-type', 'last-event-id'];

/** The values are written by devices, so a browser must not guess their type. */
const SAFE: [string, string][] = [
  ['Cache-Control', 'no-store'],
  ['X-Content-Type-Options', 'nosniff'],
];

/** A client that reads nothing of a stream for this long is disconnected. */
const UNREAD_TIMEOUT_MS = 60_000;

// The module of the query API is loaded on use, so its constant is repeated here.
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
      const { method } = request;
      if (!METHODS.includes(method)) {
        const message = 'the query API has only the methods GET and POST';
        return sendJson(response, 405, { message }, { Allow: METHODS.join(', ') });
      }
      const { body, isOperator } = await receive(request, verify);
      api ??= open().catch((error: unknown) => {
        api = undefined;
        throw error;
      });
      const answered = await (await api)(toRequest(request, body), { isOperator });
      const all = [...answered.headers, ...SAFE];
      if (!isStream(answered)) return sendResponse(response, answered.status, all, await answered.text());
      response.writeHead(answered.status, all.flat());
      response.setTimeout(UNREAD_TIMEOUT_MS);
      // A client that disconnects is not an error. Then, and when the port is closed, the stream is cancelled.
      await pipeline(Readable.fromWeb(answered.body), response).catch(() => undefined);
    },
  };
}

function isStream(answered: Response): answered is Response & { body: ReadableStream } {
  return answered.body !== null && answered.headers.get('content-type') === EVENT_STREAM;
}

function toRequest({ method, target, headers }: RequestHead, body: Uint8Array): Request {
  const forwarded = new Headers();
  for (const name of FORWARDED) {
    const value = headers[name];
    if (typeof value === 'string') forwarded.set(name, value);
  }
  // Some clients declare a type also without a body.
  if (body.length === 0) forwarded.delete('content-type');
  return new Request(new URL(target, 'http://localhost'), {
    method,
    headers: forwarded,
    ...(body.length > 0 && { body: Uint8Array.from(body) }),
  });
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
