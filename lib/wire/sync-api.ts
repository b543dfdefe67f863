import type { Caller, Operation, SyncOperations } from '../sync/model.ts';
import { bodyLimitOf } from './body-limits.ts';
import { type DecodedInput, decodeInput } from './decode-input.ts';
import { encodeOutput } from './encode-output.ts';
import { RequestError } from './errors.ts';
import { type FoundRoute, findRoute } from './find-route.ts';
import { createJsonApi } from './json-api.ts';
import { costOf, NO_RATE_LIMITS, type RateLimits } from './rate-limits.ts';
import { receiveBody, type WireRequest } from './request-body.ts';
import type { SigV4Verifier } from './sigv4.ts';
import type { WireLogger, WireResponse } from './wire-response.ts';

export interface SyncApiDeps {
  operations: SyncOperations;
  verify: SigV4Verifier;
  /** Absent: requests are not limited. */
  limits?: RateLimits;
  /** Returns a new id for each request. */
  requestId: () => string;
  logger: WireLogger;
}

/** Handles one request. Never rejects. */
export type SyncApi = (request: WireRequest) => Promise<WireResponse>;

const SERVICE = 'cognito-sync';

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

/** Rejects as much as possible before the body is read. Developers have no rate limits. */
async function answer(
  incoming: WireRequest,
  { operations, verify, limits = NO_RATE_LIMITS }: SyncApiDeps,
): Promise<string> {
  const route = findRoute(incoming.method, incoming.target);
  if (!route) throw unknownOperation();
  const { name } = route.operation;
  const signature = verify(incoming, SERVICE);
  const cost = costOf(name, incoming);
  if (signature.claimant.kind === 'identity') limits.charge('address', incoming.sourceAddress, cost);
  const request = await receiveBody(incoming, bodyLimitOf(name).maxBytes);
  const caller = signature.confirm(request.body);
  if (caller.kind === 'identity') {
    limits.charge('identity', caller.identityId, cost);
    limits.charge('pool', caller.identityPoolId, cost);
  }
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
