import type { RawRequest } from '../canonical-request.ts';
import { RequestError, toErrorResponse } from '../errors.ts';
import type { OriginRule } from '../origins.ts';
import type { WireBody, WireResponse } from '../wire-response.ts';
import type { FindApi } from './find-api.ts';

/** What answers requests: the APIs, and the rule for web pages. */
export interface Answering {
  findApi: FindApi;
  acceptsOrigin: OriginRule;
}

/**
 * Answers a complete request as the HTTP port of the local cloud does. First rejects requests of web pages whose origin
 * is not allowed. Also rejects requests that no API serves.
 */
export async function answerRequest(
  request: RawRequest,
  { findApi, acceptsOrigin }: Answering,
): Promise<WireResponse<WireBody>> {
  const { origin } = request.headers;
  if (origin !== undefined && !acceptsOrigin(String(origin))) return forbiddenOrigin();
  const api = findApi(request);
  if (api !== undefined) return api(request);
  return toErrorResponse(new RequestError('UnknownOperationException', 'no service has this path'));
}

function forbiddenOrigin(): WireResponse {
  const body = JSON.stringify({ message: 'this Origin is not allowed; add it to ORIGINS' });
  return { status: 403, headers: [['Content-Type', 'application/json']], body };
}
