import { ValueRefusedError } from '../../common/errors.ts';
import { isConnectionError } from '../../database/connection-error.ts';
import { DatabaseError } from '../../database/database.ts';
import { QueryError } from '../../query/ports/query-reader.ts';
import { ERROR } from './schemas.ts';

const DESCRIPTIONS = {
  400: 'A parameter, the cursor, the body or the signature is invalid, or the response would be too large',
  403: "The signature or the origin of the request is not allowed, or the route needs a developer's access key",
  409: 'The database cannot answer, for example because an index is missing; the message says what to do',
  413: 'The body is larger than 8 MiB',
  415: 'The body is not declared as JSON (`Content-Type: application/json`)',
  429: 'The service is busy; retry after the number of seconds in the header `Retry-After`',
  500: 'An unexpected error, which the service has logged',
  501: 'This service does not send server-sent events',
  503: 'The database does not answer, the query took too long, or too many large requests arrive; try again later',
};

type FailureStatus = keyof typeof DESCRIPTIONS;

/** The error responses of every route. The server itself returns some of them, before the route is called. */
const OF_EVERY_ROUTE = [400, 403, 413, 429, 500, 503] as const;

const QUERY_ERRORS = {
  'invalid-cursor': 400,
  'missing-index': 409,
  'clock-set-back': 409,
  'unsupported-server': 409,
  'too-slow': 503,
} as const;

/**
 * Returns the error responses of a route, for the route's OpenAPI description.
 * @param more the statuses that not every route has
 */
export function failures(more: readonly FailureStatus[] = []) {
  return Object.fromEntries(
    [...OF_EVERY_ROUTE, ...more].map((status) => [
      status,
      { description: DESCRIPTIONS[status], content: { 'application/json': { schema: ERROR } } },
    ]),
  );
}

/** Returns the response to a request that failed. The message of an unexpected error is not shown, only logged. */
export function failureOf(error: unknown): { status: FailureStatus; message: string } {
  if (error instanceof QueryError) {
    return { status: QUERY_ERRORS[error.reason], message: error.message };
  }
  // For example, a NUL character in a filter.
  if (error instanceof ValueRefusedError) {
    return { status: 400, message: 'a parameter contains a character that SQL text cannot store' };
  }
  if (isBusy(error)) return { status: 429, message: 'too many queries are waiting; try again later' };
  if (error instanceof DatabaseError && error.code === '57014') {
    return { status: 503, message: 'the query took too long; try again later, or with a smaller limit' };
  }
  if (isConnectionError(error))
    return { status: 503, message: 'the database does not answer; try again later' };
  return { status: 500, message: 'internal error' };
}

/** Whether the query did not run because too many others are waiting, or has waited too long for a connection. */
function isBusy(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code === '53400' || error.code === '55P03');
}
