import type { Caller } from '../common/caller.ts';
import { letOthersRun } from '../common/let-others-run.ts';
import type { ListRecordsOutput, Operation, SyncOperations } from '../sync/model.ts';
import type { ApiOperation } from './api-model.ts';
import { bodyLimitOf } from './body-limits.ts';
import type { RawRequest, RequestHead } from './canonical-request.ts';
import { type DecodedInput, decodeInput, decodeRpcInput } from './decode-input.ts';
import { encodeInParts, encodeOutput } from './encode-output.ts';
import { RequestError } from './errors.ts';
import { type FoundRoute, findRoute } from './find-route.ts';
import { createJsonApi } from './json-api.ts';
import { withSignedMethod } from './method-override.ts';
import { costOf, costOfResponse, NO_RATE_LIMITS, type RateLimits } from './rate-limits.ts';
import { receiveSigned } from './receive-signed.ts';
import { bodyLength, type WireRequest } from './request-body.ts';
import { requireSmallResponse } from './response-limit.ts';
import { encodeEnvelope, encodeEnvelopeInParts, findRpcOperation, readRpcBody } from './rpc-form.ts';
import type { SigV4Verifier } from './sigv4.ts';
import { inTurn, type Turn } from './turns.ts';
import type { WireBody, WireLogger, WireResponse } from './wire-response.ts';

/** A call of an operation by a verified caller. */
export interface WatchedCall {
  operation: string;
  requestId: string;
  input: DecodedInput;
  caller: Caller;
}

/** Runs the `work` of a call and returns its output. May observe the call, but must not change its result. */
export type WatchCall = (call: WatchedCall, work: () => Promise<object>) => Promise<object>;

export interface SyncApiDeps {
  operations: SyncOperations;
  /** Observes the calls. Default: nothing does. */
  watchCall?: WatchCall | undefined;
  verify: SigV4Verifier;
  /** The rate limits. If absent, requests are not limited. */
  limits?: RateLimits;
  /** Returns a new id for each request. */
  requestId: () => string;
  logger: WireLogger;
}

/** Handles one request. Never rejects. */
export type SyncApi = (request: WireRequest) => Promise<WireResponse<WireBody>>;

const SERVICE = 'cognito-sync';

/**
 * Creates the Cognito Sync API, version 2014-06-30, as one function from a raw request to its response. The function
 * accepts the SDKs' form (rest-json) and the RPC form of the API reference. Routes and shapes come from the SDK's own
 * schemas, constraints from the API model. An error response has its code in two places: in the body, and in the header
 * that old clients read.
 */
export function createSyncApi(deps: SyncApiDeps): SyncApi {
  return createJsonApi({
    contentType: 'application/json',
    answer: (request, requestId) => answer(withSignedMethod(request), requestId, deps),
    statusOf: ({ status }) => status,
    operationName: syncOperationOf,
    requestId: deps.requestId,
    logger: deps.logger,
  });
}

/** Returns the name of the operation of Cognito Sync that a request calls; undefined if it calls no such operation. */
export function syncOperationOf(request: RequestHead): string | undefined {
  return findOperation(withSignedMethod(request))?.operation.name;
}

/**
 * Handles one request. Rejects as many invalid requests as possible before the body is read. Developers have no rate
 * limits.
 */
async function answer(
  incoming: WireRequest,
  requestId: string,
  { operations, watchCall, verify, limits = NO_RATE_LIMITS }: SyncApiDeps,
): Promise<WireBody> {
  const found = findOperation(incoming);
  if (!found) throw unknownOperation();
  const { operation } = found;
  const cost = costOf(operation.name, incoming);
  const { maxBytes } = bodyLimitOf(operation.name);
  const { request, caller } = await receiveSigned(incoming, {
    verify,
    service: SERVICE,
    limits,
    cost,
    maxBytes,
  });
  const run = bindOperation(operations, operation);
  const call: typeof run = watchCall
    ? (input, by) =>
        watchCall({ operation: operation.name, requestId, input, caller: by }, () => run(input, by))
    : run;
  if (caller.kind === 'developer') {
    const { input, isEnvelope } = decode(found, request);
    return encode(operation, await call(input, caller), isEnvelope);
  }
  const { identityId, identityPoolId } = caller;
  limits.charge('identity', identityId, cost);
  limits.charge('pool', identityPoolId, cost);
  const enter = () => limits.enter('identity', identityId, incoming);
  const body = await inTurn(enter(), async () => {
    const length = bodyLength(incoming);
    await letOthersRun(length);
    const { input, isEnvelope } = decode(found, request);
    await letOthersRun(length);
    const output = await call(input, caller);
    await letOthersRun(length);
    return encode(operation, output, isEnvelope);
  });
  const owe = (length: number) => limits.owe('identity', identityId, costOfResponse(length));
  if (typeof body !== 'string') return sendInTurn(body, enter, owe);
  owe(body.length);
  return body;
}

/**
 * Sends the parts of a listing. The listing counts as a running request until its end, because the database is read for
 * each part.
 */
async function* sendInTurn(
  parts: AsyncIterable<string>,
  enter: () => Promise<Turn>,
  owe: (length: number) => void,
): AsyncGenerator<string> {
  const turn = await enter();
  try {
    for await (const part of parts) {
      owe(part.length);
      yield part;
    }
  } finally {
    turn.end();
  }
}

/** @returns `isEnvelope`: whether the response must have the envelope of the RPC form */
function decode(
  found: FoundRoute | { operation: ApiOperation },
  request: RawRequest,
): { input: DecodedInput; isEnvelope: boolean } {
  const { name } = found.operation;
  if ('labels' in found) {
    const input = decodeInput(found, request);
    requireSmallResponse(name, input, request);
    return { input, isEnvelope: false };
  }
  const { members, isEnvelope } = readRpcBody(found.operation, request);
  const input = decodeRpcInput(found.operation, members);
  requireSmallResponse(name, input, request);
  return { input, isEnvelope };
}

function encode(operation: ApiOperation, value: object, isEnvelope: boolean): WireBody {
  const { output } = operation;
  if (isInParts(value)) {
    const parts = encodeInParts(output, value, { member: 'Records', rest: value.rest });
    return isEnvelope ? encodeEnvelopeInParts(operation, parts) : parts;
  }
  return isEnvelope ? encodeEnvelope(operation, value) : encodeOutput(output, value, 'null');
}

/** Whether the output is a listing of records that is too large to hold in memory at once. */
function isInParts(output: object): output is Required<Pick<ListRecordsOutput, 'Records' | 'rest'>> {
  return 'rest' in output && output.rest !== undefined;
}

/**
 * Finds the operation of a request in the REST form or the RPC form. Only the REST form has labels (parameters in the
 * path).
 */
function findOperation(request: RequestHead): FoundRoute | { operation: ApiOperation } | undefined {
  const route = findRoute(request.method, request.target);
  if (route) return route;
  const operation = findRpcOperation(request);
  return operation && { operation };
}

function bindOperation(
  operations: SyncOperations,
  { name }: ApiOperation,
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
