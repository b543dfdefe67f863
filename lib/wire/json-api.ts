import type { RequestHead } from './canonical-request.ts';
import { CROSS_ORIGIN_HEADERS, preflightHeaders } from './cors.ts';
import { INTERNAL_ERROR, type Refusal, refusalOf, retryHeaders } from './errors.ts';
import { logRefusal } from './log-refusal.ts';
import type { WireRequest } from './request-body.ts';
import type { WireBody, WireLogger, WireResponse } from './wire-response.ts';

interface JsonApi<Body extends WireBody> {
  contentType: string;
  /** Returns the response body. Throws an error if the request is rejected. */
  answer: (request: WireRequest, requestId: string) => Promise<Body>;
  /** Returns the HTTP status of an error response. */
  statusOf: (refusal: Refusal) => number;
  /** Returns the operation's name for the log entry of an error. */
  operationName: (request: RequestHead) => string | undefined;
  /** Returns a new id for each request. */
  requestId: () => string;
  logger: WireLogger;
}

/**
 * Implements the common part of AWS's JSON protocols: a request id, CORS headers and error responses. An error response
 * has its code in two places: in the body, and in the header that old clients read.
 *
 * @returns a function that handles one request and never rejects
 */
export function createJsonApi(api: JsonApi<string>): (request: WireRequest) => Promise<WireResponse>;
export function createJsonApi(
  api: JsonApi<WireBody>,
): (request: WireRequest) => Promise<WireResponse<WireBody>>;
export function createJsonApi(
  api: JsonApi<WireBody>,
): (request: WireRequest) => Promise<WireResponse<WireBody>> {
  return async (request) => {
    const id = api.requestId();
    const basics: WireResponse['headers'] = [['x-amzn-RequestId', id], ...CROSS_ORIGIN_HEADERS];
    if (request.method === 'OPTIONS') {
      return { status: 200, headers: [...basics, ...preflightHeaders(request)], body: '' };
    }
    const headers: WireResponse['headers'] = [...basics, ['Content-Type', api.contentType]];
    try {
      const body = await api.answer(request, id);
      const sent = typeof body === 'string' ? body : logFailure(body, request, id, api);
      return { status: 200, headers, body: sent };
    } catch (error) {
      const known = refusalOf(error);
      logRefusal(api.logger, error, known, { requestId: id, operation: api.operationName(request) });
      const refusal = known ?? INTERNAL_ERROR;
      const { code, message } = refusal;
      return {
        status: api.statusOf(refusal),
        headers: [...headers, ...retryHeaders(refusal), ['x-amzn-ErrorType', `${code}:`]],
        body: JSON.stringify({ __type: code, message }),
      };
    }
  };
}

/** Logs an error that occurs after the response has begun. The server then aborts the response. */
async function* logFailure(
  body: AsyncIterable<string>,
  request: RequestHead,
  requestId: string,
  { operationName, logger }: Pick<JsonApi<WireBody>, 'operationName' | 'logger'>,
): AsyncGenerator<string> {
  try {
    yield* body;
  } catch (error) {
    logger.error('a request failed', { requestId, operation: operationName(request), error });
    throw error;
  }
}
