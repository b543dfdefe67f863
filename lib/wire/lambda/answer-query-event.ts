import { answerQuery } from '../query/answer-query.ts';
import type { QueryApi } from '../query/query-api.ts';
import { readEvent } from './read-event.ts';
import { type HttpResult, writeResult } from './write-result.ts';

/** The source address has no effect on the query API. */
const SOURCES = { of: (peer: string) => peer };

/**
 * Creates the function that answers an event of a function URL with a result. IAM has authorized the caller before
 * Lambda invokes the function.
 *
 * @returns a function that throws {InvalidEventError} or {RequestError} if the event is not a request of a function URL
 */
export function createAnswerQueryEvent(api: QueryApi): (event: unknown) => Promise<HttpResult> {
  return async (event) => {
    const { request, entryPoint } = readEvent(event, SOURCES);
    const answered = await answerQuery(api, request, request.body);
    const response = { status: answered.status, headers: [...answered.headers], body: await answered.text() };
    return writeResult(response, entryPoint, 'limit or maxRows');
  };
}
