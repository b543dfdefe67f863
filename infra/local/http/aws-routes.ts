import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { PAYLOAD_PATH } from '../../../lib/stream/payload.ts';
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
 * Serves the Cognito Sync API on the local port, in both its forms. Requests of web pages are accepted, subject to the
 * port's origin rule: they must be signed, and the API's browser clients run on pages of other origins.
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
 * Serves Amazon Cognito Identity and the one AWS STS operation that belongs to it on the local port: `POST /` in two
 * protocols. As for Cognito Sync, web pages may send requests, because they get their credentials here.
 *
 * A browser's preflight request (OPTIONS) does not name the service, so this route answers it for all of `/`. That
 * gives no further access: the port rejects a foreign Origin unless the route of the request accepts any origin.
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

/** Accepts `; charset=utf-8`. A request with a target uses another protocol, regardless of its content type. */
function isForm(headers: Headers): boolean {
  const [type = ''] = String(headers['content-type'] ?? '').split(';');
  return headers['x-amz-target'] === undefined && type.trim().toLowerCase() === FORM_CONTENT_TYPE;
}

/**
 * Serves the records of offloaded events on the local port; in AWS they are in S3. Their URLs are signed, so they are
 * served on every address.
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
 * Sends a response. The header names keep their letter case. A body in parts is sent no faster than the client reads it.
 * If a part fails, the connection is closed; the client notices, because the body is incomplete.
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
