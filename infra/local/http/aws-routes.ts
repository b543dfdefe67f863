import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { PAYLOAD_PATH } from '../../../lib/stream/payload-url.ts';
import { targetedOperation } from '../../../lib/wire/amz-target.ts';
import type { IdentityApi } from '../../../lib/wire/identity-api.ts';
import type { PayloadApi } from '../../../lib/wire/payload-api.ts';
import { isRpcForm } from '../../../lib/wire/rpc-form.ts';
import { FORM_CONTENT_TYPE, type StsApi } from '../../../lib/wire/sts-api.ts';
import type { SyncApi } from '../../../lib/wire/sync-api.ts';
import type { WireBody, WireResponse } from '../../../lib/wire/wire-response.ts';
import type { Route } from './http-server.ts';
import { sendResponse } from './send-response.ts';

/**
 * Serves the Cognito Sync API on the local port, in its REST form and its RPC form. Requests must be signed. The API's
 * browser clients run on web pages, so the route accepts requests of web pages from all origins that the port accepts.
 */
export function createSyncApiRoute(syncApi: SyncApi): Route {
  return {
    anyOrigin: true,
    offLoopback: true,
    matches: (request) => /^\/identitypools(?:[/?]|$)/.test(request.target) || isRpcForm(request),
    async answer(request, response) {
      await sendWireResponse(response, await syncApi(request));
    },
  };
}

/**
 * Serves two services at `POST /` of the local port, each with its own protocol: Amazon Cognito Identity and AWS STS.
 * Of AWS STS, it serves only the operation that clients of Cognito Identity call. Web pages may send requests, because
 * they get their credentials here.
 *
 * Before some requests, a browser sends a preflight request (OPTIONS). A preflight request does not name the service,
 * so this route answers all preflight requests to `/`. The answer gives no access to other services: the port checks
 * the Origin of the following request again, and rejects a foreign Origin unless the route of that request has
 * `anyOrigin`.
 */
export function createIdentityRoute({
  identityApi,
  stsApi,
}: {
  identityApi: IdentityApi;
  stsApi: StsApi;
}): Route {
  return {
    anyOrigin: true,
    offLoopback: true,
    matches: ({ method, target, headers }) =>
      isRoot(target) &&
      (method === 'OPTIONS' || (method === 'POST' && (isIdentity(headers) || isForm(headers)))),
    async answer(request, response) {
      const isSts = request.method === 'POST' && isForm(request.headers);
      await sendWireResponse(response, await (isSts ? stsApi(request) : identityApi(request)));
    },
  };
}

type Headers = Parameters<Route['matches']>[0]['headers'];

function isRoot(target: string): boolean {
  return /^\/(?:\?|$)/.test(target);
}

function isIdentity(headers: Headers): boolean {
  return targetedOperation({ headers }, 'AWSCognitoIdentityService') !== undefined;
}

/**
 * Returns whether a request is a form, as AWS STS expects. The content type may have parameters, such as a charset. A
 * request with `X-Amz-Target` uses another protocol, regardless of its content type.
 */
function isForm(headers: Headers): boolean {
  const [type = ''] = String(headers['content-type'] ?? '').split(';');
  return headers['x-amz-target'] === undefined && type.trim().toLowerCase() === FORM_CONTENT_TYPE;
}

/**
 * Serves the records of offloaded events on the local port. In AWS, these records are in S3. The records are served on
 * every address, not only on loopback, because their URLs are signed.
 */
export function createPayloadRoute(payloadApi: PayloadApi): Route {
  return {
    offLoopback: true,
    matches: ({ target }) => target.startsWith(PAYLOAD_PATH),
    async answer(request, response) {
      await sendWireResponse(response, await payloadApi(request));
    },
  };
}

/**
 * Sends a response. The header names keep their letter case. A body in parts is sent no faster than the client reads
 * it. If a part fails, the connection is closed. The client notices the failure, because the body is incomplete.
 */
async function sendWireResponse(
  response: ServerResponse,
  { status, headers, body }: WireResponse<WireBody>,
): Promise<void> {
  if (typeof body === 'string') return sendResponse(response, status, headers, body);
  response.writeHead(status, headers.flat());
  // Errors of the service are already logged, and a client that disconnects is not an error.
  await pipeline(body, response).catch(() => undefined);
}
