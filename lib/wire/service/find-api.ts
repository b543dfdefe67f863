import { targetedOperation } from '../amz-target.ts';
import type { RequestHead } from '../canonical-request.ts';
import type { IdentityApi } from '../identity-api.ts';
import type { WireRequest } from '../request-body.ts';
import { isRpcForm } from '../rpc-form.ts';
import { FORM_CONTENT_TYPE, type StsApi } from '../sts-api.ts';
import type { SyncApi } from '../sync-api.ts';
import type { WireBody, WireResponse } from '../wire-response.ts';

/** Answers one request. Never rejects. */
export type Api = (request: WireRequest) => Promise<WireResponse<WireBody>>;

/** Finds the API that serves a request; undefined if no API does. */
export type FindApi = (head: RequestHead) => Api | undefined;

interface Apis {
  syncApi: SyncApi;
  identityApi: IdentityApi;
  stsApi: StsApi;
}

/**
 * Creates the selection of the API. Cognito Sync has its own paths; the other APIs, and the RPC form of Cognito Sync,
 * share `POST /` and differ in their headers.
 *
 * Before some requests, a browser sends a preflight request (OPTIONS). A preflight request to `/` does not name the
 * API, so Cognito Identity answers all of them. The answer gives no access to other services on the same port.
 *
 * @param apis the APIs to serve
 */
export function createFindApi({ syncApi, identityApi, stsApi }: Partial<Apis>): FindApi {
  return (head) => {
    if (/^\/identitypools(?:[/?]|$)/.test(head.target) || isRpcForm(head)) return syncApi;
    if (!/^\/(?:\?|$)/.test(head.target)) return undefined;
    if (head.method === 'OPTIONS') return identityApi;
    if (head.method !== 'POST') return undefined;
    if (isForm(head)) return stsApi;
    return targetedOperation(head, 'AWSCognitoIdentityService') === undefined ? undefined : identityApi;
  };
}

/**
 * Returns whether a request is a form, as AWS STS expects. The content type may have parameters, such as a charset. A
 * request with `X-Amz-Target` uses another protocol, regardless of its content type.
 */
function isForm({ headers }: RequestHead): boolean {
  const [type = ''] = String(headers['content-type'] ?? '').split(';');
  return headers['x-amz-target'] === undefined && type.trim().toLowerCase() === FORM_CONTENT_TYPE;
}
