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
      const { method, target, headers } = request;
      if (!METHODS.includes(method)) {
        const message = 'the query API has only the methods GET and POST';
        return sendJson(response, 405, { message }, { Allow: METHODS.join(', ') });
      }
      const { body, isOperator } = await receive(request, verify);
      api ??= open().catch((error: unknown) => {
        api = undefined;
        throw error;
      });
      const contentType = headers['content-type'];
      const asked = new Request(new URL(target, 'http://localhost'), {
        method,
        ...(body.length > 0 && {
          body: Uint8Array.from(body),
          headers: { 'Content-Type': String(contentType) },
        }),
      });
      const answered = await (await api)(asked, { isOperator });
      // The values are written by devices, so a browser must not guess their type.
      const safe: [string, string][] = [
        ['Cache-Control', 'no-store'],
        ['X-Content-Type-Options', 'nosniff'],
      ];
      sendResponse(response, answered.status, [...answered.headers, ...safe], await answered.text());
    },
  };
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
