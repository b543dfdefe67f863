import { createHash } from 'node:crypto';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import type { Environment } from '../lib/common/environment.ts';
import { openFromEnvironment } from '../lib/database/open-from-environment.ts';
import { QUERY_LIMITS } from '../lib/database/read-sql.ts';
import { createCursors } from '../lib/query/cursors.ts';
import { createQueryReader } from '../lib/query/store/query-reader.ts';
import { createSqlRunner } from '../lib/query/store/sql-runner.ts';
import { createAnswerQueryEvent } from '../lib/wire/lambda/answer-query-event.ts';
import type { HttpResult } from '../lib/wire/lambda/write-result.ts';
import { createQueryApi } from '../lib/wire/query/query-api.ts';
import { createFailureLogger } from '../lib/wire/service/failure-logger.ts';

/** Answers an event of the function URL. */
export type QueryApiHandler = (event: unknown, context: Context) => Promise<HttpResult>;

/** An instance answers one request at a time, and a request runs one statement at a time. */
const DATABASE = { ...QUERY_LIMITS, maxConnections: 1 };

/** Number of parts of a function's ARN before the qualifier, which is the eighth part. */
const ARN_PARTS = 7;

let deployed: QueryApiHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: QueryApiHandler = (event, context) => {
  deployed ??= compose(process.env, context);
  return deployed(event, context);
};

/**
 * Composes the routes that need only the rights of `query_reader`. IAM authorizes a caller for the whole function URL,
 * not for single routes, so the routes of operators are left out: every reader could use them. The list of migrations
 * is left out, because `query_reader` cannot read the schema `move`. The function URL sends a response when it is
 * complete, so changes cannot be streamed.
 */
function compose(env: Environment, context: Context): QueryApiHandler {
  const database = openFromEnvironment(env, createSecretReader, DATABASE);
  const logger = createFailureLogger('query-api');
  const api = createQueryApi({
    reader: createQueryReader(database),
    sql: createSqlRunner(database),
    cursors: createCursors([cursorKey(context)]),
    canStream: false,
    logger,
  });
  return middy<unknown, HttpResult>().use(injectLambdaContext(logger)).handler(createAnswerQueryEvent(api));
}

/**
 * Returns the key of the cursors, which all instances share. It is not a secret, and need not be one: a cursor is only a
 * position in a list, and a caller may read every position. The signature detects cursors that were cut off, changed, or
 * created for another query.
 *
 * The key is derived from the function's ARN without its qualifier, so that a new version accepts the cursors of an earlier
 * one.
 */
function cursorKey({ invokedFunctionArn }: Context): Buffer {
  const unqualified = invokedFunctionArn.split(':', ARN_PARTS).join(':');
  return createHash('sha256').update(unqualified).digest();
}
