import { ValueRefusedError } from '../../common/errors.ts';
import { isConnectionError } from '../../database/connection-error.ts';
import { DatabaseError } from '../../database/database.ts';
import { QueryError } from '../../query/ports/query-reader.ts';
import { ERROR } from './schemas.ts';

const DESCRIPTIONS = {
  400: 'A parameter or the cursor is invalid',
  409: 'An index is missing; the message names the command that adds it',
  429: 'Too many queries are waiting; retry after the number of seconds in the header `Retry-After`',
  500: 'An unexpected error, which the service has logged',
  501: 'This service does not send server-sent events',
  503: 'The database does not answer, or the query took too long',
};

type FailureStatus = keyof typeof DESCRIPTIONS;

const QUERY_ERRORS = { 'invalid-cursor': 400, 'missing-index': 409, 'too-slow': 503 } as const;

/** Returns the error responses of a route, for the route's OpenAPI description. */
export function failures(statuses: readonly FailureStatus[]) {
  return Object.fromEntries(
    statuses.map((status) => [
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
