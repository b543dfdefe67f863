import type { Caller, Operation, SyncOperations } from '../sync/model.ts';
import { type DecodedInput, decodeInput } from './decode-input.ts';
import { encodeOutput } from './encode-output.ts';
import { RequestError } from './errors.ts';
import { type FoundRoute, findRoute } from './find-route.ts';
import { createJsonApi } from './json-api.ts';
import { limitBody } from './request-body.ts';
import type { RawRequest, SigV4Verifier } from './sigv4.ts';
import type { WireLogger, WireResponse } from './wire-response.ts';

export interface SyncApiDeps {
  operations: SyncOperations;
  verify: SigV4Verifier;
  /** Returns a new id for each request. */
  requestId: () => string;
  logger: WireLogger;
}

/** Handles one request. Never rejects. */
export type SyncApi = (request: RawRequest) => Promise<WireResponse>;

const SERVICE = 'cognito-sync';
/** A dataset of 1 MiB in its longest JSON form: some clients write every character as `\uXXXX`. */
const MAX_BODY_BYTES = 6 * 1024 * 1024;

/**
 * Creates the Cognito Sync API, version 2014-06-30 (rest-json), as one function from a raw request to its response.
 * Routes and shapes come from the SDK's own schemas, constraints from the API model. Error responses have their code
 * both in the header that old clients read and in the body.
 */
export function createSyncApi(deps: SyncApiDeps): SyncApi {
  return createJsonApi({
    contentType: 'application/json',
    answer: (request) => answer(request, deps),
    statusOf: ({ status }) => status,
    operationName: ({ method, target }) => findRoute(method, target)?.operation.name,
    requestId: deps.requestId,
    logger: deps.logger,
  });
}

async function answer(request: RawRequest, { operations, verify }: SyncApiDeps): Promise<string> {
  limitBody(request, MAX_BODY_BYTES);
  const route = findRoute(request.method, request.target);
  if (!route) throw unknownOperation();
  const caller = verify(request, SERVICE);
  const operation = operationOf(operations, route);
  const output = await operation(decodeInput(route, request), caller);
  return encodeOutput(route.operation.output, output, 'null');
}

function operationOf(
  operations: SyncOperations,
  { operation: { name } }: FoundRoute,
): (input: DecodedInput, caller: Caller) => Promise<object> {
  if (!isOperation(operations, name)) throw unknownOperation();
  const operation: Operation<never, object> = operations[name];
  // Decoding by the schema guarantees that the input has the operation's type, which the compiler cannot verify.
  return (input, caller) => operation(input as never, caller);
}

/** Every route has an operation, but the name from the SDK's schemas is only a string to the compiler. */
function isOperation(operations: SyncOperations, name: string): name is keyof SyncOperations {
  return Object.hasOwn(operations, name);
}

function unknownOperation(): RequestError {
  return new RequestError('UnknownOperationException', 'the API has no such operation');
}
