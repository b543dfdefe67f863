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
  /** A new id for each request. */
  requestId: () => string;
  logger: WireLogger;
}

/** Answers one request; never rejects. */
export type SyncApi = (request: RawRequest) => Promise<WireResponse>;

const SERVICE = 'cognito-sync';
/** A dataset of 1 MiB in the longest JSON there is of it: some clients write each character as `\uXXXX`. */
const MAX_BODY_BYTES = 6 * 1024 * 1024;

/**
 * The Cognito Sync API of 2014-06-30 (rest-json): one function from a raw request to its response. Routes and shapes
 * are those of the SDK's own schemas, constraints those of the API model, errors carry their code in the header that
 * old clients read and in the body.
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
  // Decoding has made the input what the operation takes, by the schema: that is beyond what the compiler can follow.
  return (input, caller) => operation(input as never, caller);
}

/** There is one for each route; but the name comes from the SDK's schemas, as a text. */
function isOperation(operations: SyncOperations, name: string): name is keyof SyncOperations {
  return Object.hasOwn(operations, name);
}

function unknownOperation(): RequestError {
  return new RequestError('UnknownOperationException', 'the API has no such operation');
}
