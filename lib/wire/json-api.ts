import type { RequestHead } from './canonical-request.ts';
import { type Refusal, refusalOf, retryHeaders } from './errors.ts';
import type { WireRequest } from './request-body.ts';
import {
  CROSS_ORIGIN_HEADERS,
  preflightHeaders,
  type WireLogger,
  type WireResponse,
} from './wire-response.ts';

interface JsonApi {
  contentType: string;
  /** Returns the response body. Throws an error if the request is rejected. */
  answer: (request: WireRequest) => Promise<string>;
  /** Returns the HTTP status of an error response. */
  statusOf: (refusal: Refusal) => number;
  /** Returns the operation's name for the log entry of an internal error. */
  operationName: (request: RequestHead) => string | undefined;
  /** Returns a new id for each request. */
  requestId: () => string;
  logger: WireLogger;
}

/**
 * Implements the common part of AWS's JSON protocols: a request id, CORS headers, and error responses with the code
 * both in the header that old clients read and in the body.
 *
 * @returns a function that handles one request and never rejects
 */
export function createJsonApi(api: JsonApi): (request: WireRequest) => Promise<WireResponse> {
  return async (request) => {
    const id = api.requestId();
    const basics: WireResponse['headers'] = [['x-amzn-RequestId', id], ...CROSS_ORIGIN_HEADERS];
    if (request.method === 'OPTIONS') {
      return { status: 200, headers: [...basics, ...preflightHeaders(request)], body: '' };
    }
    const headers: WireResponse['headers'] = [...basics, ['Content-Type', api.contentType]];
    try {
      return { status: 200, headers, body: await api.answer(request) };
    } catch (error) {
      const refusal = refusalOf(error) ?? failureOf(error, request, id, api);
      const { code, message } = refusal;
      return {
        status: api.statusOf(refusal),
        headers: [...headers, ...retryHeaders(refusal), ['x-amzn-ErrorType', `${code}:`]],
        body: JSON.stringify({ __type: code, message }),
      };
    }
  };
}

function failureOf(
  error: unknown,
  request: RequestHead,
  requestId: string,
  { operationName, logger }: JsonApi,
): Refusal {
  logger.error('a request failed', { requestId, operation: operationName(request), error });
  return { status: 500, code: 'InternalErrorException', message: 'internal error' };
}
