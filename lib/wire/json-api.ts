import { type Refusal, refusalOf } from './errors.ts';
import type { RawRequest } from './sigv4.ts';
import {
  CROSS_ORIGIN_HEADERS,
  preflightHeaders,
  type WireLogger,
  type WireResponse,
} from './wire-response.ts';

interface JsonApi {
  contentType: string;
  /** The body of the answer. Throws what the request is refused with. */
  answer: (request: RawRequest) => Promise<string>;
  /** The HTTP status of a refusal. */
  statusOf: (refusal: Refusal) => number;
  /** What a failure is logged with. */
  operationName: (request: RawRequest) => string | undefined;
  /** A new id for each request. */
  requestId: () => string;
  logger: WireLogger;
}

/**
 * What the JSON protocols of AWS have in common: a request id, answers that web pages may read, and errors that carry
 * their code in the header that old clients read as well as in the body.
 *
 * @returns a function that answers one request, and never rejects
 */
export function createJsonApi(api: JsonApi): (request: RawRequest) => Promise<WireResponse> {
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
        headers: [...headers, ['x-amzn-ErrorType', `${code}:`]],
        body: JSON.stringify({ __type: code, message }),
      };
    }
  };
}

function failureOf(
  error: unknown,
  request: RawRequest,
  requestId: string,
  { operationName, logger }: JsonApi,
): Refusal {
  logger.error('a request failed', { requestId, operation: operationName(request), error });
  return { status: 500, code: 'InternalErrorException', message: 'internal error' };
}
