import type { ServerResponse } from 'node:http';
import { PAYLOAD_PATH } from '../../../lib/stream/payload.ts';
import { IDENTITY_TARGET, type IdentityApi } from '../../../lib/wire/identity-api.ts';
import type { PayloadApi } from '../../../lib/wire/payload-api.ts';
import { FORM_CONTENT_TYPE, type StsApi } from '../../../lib/wire/sts-api.ts';
import type { SyncApi } from '../../../lib/wire/sync-api.ts';
import type { WireResponse } from '../../../lib/wire/wire-response.ts';
import type { Route } from './http-server.ts';

/**
 * The Cognito Sync API on the local port. Web pages of any origin may ask: what they ask has to be signed, and the
 * browser clients of the API come from pages elsewhere.
 */
export function createSyncApiRoute(syncApi: SyncApi): Route {
  return {
    anyOrigin: true,
    offLoopback: true,
    matches: ({ target }) => /^\/identitypools(?:[/?]|$)/.test(target),
    async answer(request, response) {
      sendWireResponse(response, await syncApi(request));
    },
  };
}

/**
 * Amazon Cognito Identity and the one operation of AWS STS that belongs to it, on the local port: `POST /` of two
 * protocols. Web pages of any origin may ask, as they may ask Cognito Sync: this is where they get their credentials.
 *
 * A browser's question beforehand (OPTIONS) does not say what it is for, so it is answered here for all of `/`. That
 * opens nothing else: the port itself refuses a foreign Origin wherever a route does not welcome it.
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
      sendWireResponse(response, await (isSts ? stsApi(request) : identityApi(request)));
    },
  };
}

type Headers = Parameters<Route['matches']>[0]['headers'];

function isRoot(target: string): boolean {
  return /^\/(?:\?|$)/.test(target);
}

function isIdentity(headers: Headers): boolean {
  return String(headers['x-amz-target'] ?? '').startsWith(IDENTITY_TARGET);
}

/** With or without `; charset=utf-8`; what has a target is of another protocol, whatever its type. */
function isForm(headers: Headers): boolean {
  const [type = ''] = String(headers['content-type'] ?? '').split(';');
  return headers['x-amz-target'] === undefined && type.trim().toLowerCase() === FORM_CONTENT_TYPE;
}

/** The records of offloaded events on the local port, where S3 has them in AWS. */
export function createPayloadRoute(payloadApi: PayloadApi): Route {
  return {
    matches: ({ target }) => target.startsWith(PAYLOAD_PATH),
    async answer(request, response) {
      sendWireResponse(response, await payloadApi(request));
    },
  };
}

/** Node sends header names as they are given, in their own case. */
function sendWireResponse(response: ServerResponse, { status, headers, body }: WireResponse): void {
  response.writeHead(status, [...headers.flat(), 'Content-Length', String(Buffer.byteLength(body))]);
  response.end(body);
}
