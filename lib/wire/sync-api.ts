import { ServiceError, ValueRefusedError } from '../errors.ts';
import type { Caller, Operation, SyncOperations } from '../sync/model.ts';
import { CROSS_ORIGIN_HEADERS, preflightHeaders } from './cross-origin.ts';
import { type DecodedInput, decodeInput } from './decode-input.ts';
import { encodeOutput } from './encode-output.ts';
import { type FoundRoute, findRoute } from './find-route.ts';
import { RequestError } from './request-error.ts';
import { type RawRequest, SignatureError, type SigV4Verifier } from './sigv4.ts';

export interface WireResponse {
  status: number;
  /** Android looks `x-amzn-ErrorType` up by its very letters: whoever sends these keeps their case. */
  headers: [name: string, value: string][];
  body: string;
}

export interface SyncApiDeps {
  operations: SyncOperations;
  verify: SigV4Verifier;
  /** A new id for each request. */
  requestId: () => string;
  logger: SyncApiLogger;
}

export interface SyncApiLogger {
  error(message: string, details: Record<string, unknown>): void;
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
  return async (request) => {
    const id = deps.requestId();
    const basics: WireResponse['headers'] = [['x-amzn-RequestId', id], ...CROSS_ORIGIN_HEADERS];
    if (request.method === 'OPTIONS') {
      return { status: 200, headers: [...basics, ...preflightHeaders(request)], body: '' };
    }
    const headers: WireResponse['headers'] = [...basics, ['Content-Type', 'application/json']];
    try {
      return { status: 200, headers, body: await answer(request, deps) };
    } catch (error) {
      const { status, code, message } = refusalOf(error) ?? failureOf(error, request, id, deps.logger);
      return {
        status,
        headers: [...headers, ['x-amzn-ErrorType', `${code}:`]],
        body: JSON.stringify({ __type: code, message }),
      };
    }
  };
}

async function answer(request: RawRequest, { operations, verify }: SyncApiDeps): Promise<string> {
  if (request.body.length > MAX_BODY_BYTES) {
    throw new RequestError('RequestEntityTooLarge', `a request body is at most ${MAX_BODY_BYTES} bytes`);
  }
  const route = findRoute(request.method, request.target);
  if (!route) throw new RequestError('UnknownOperationException', 'the API has no such operation');
  const caller = verify(request, SERVICE);
  const operation = operationOf(operations, route);
  const output = await operation(decodeInput(route, request), caller);
  return encodeOutput(route.operation.output, output);
}

function operationOf(
  operations: SyncOperations,
  { operation: { name } }: FoundRoute,
): (input: DecodedInput, caller: Caller) => Promise<object> {
  if (!isServed(operations, name)) {
    throw new RequestError('NotImplementedException', `${name} is not served here`);
  }
  const operation: Operation<never, object> = operations[name];
  // Decoding has made the input what the operation takes, by the schema: that is beyond what the compiler can follow.
  return (input, caller) => operation(input as never, caller);
}

function isServed(operations: SyncOperations, name: string): name is keyof SyncOperations {
  return Object.hasOwn(operations, name);
}

interface Refusal {
  status: number;
  code: string;
  message: string;
}

/** What the caller did wrong, or has to know; undefined for what went wrong here. */
function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof ServiceError || error instanceof RequestError) return error;
  if (error instanceof SignatureError) return { status: 403, code: error.code, message: error.message };
  if (error instanceof ValueRefusedError) {
    return { status: 400, code: 'InvalidParameterException', message: 'a value cannot be stored' };
  }
  return undefined;
}

function failureOf(
  error: unknown,
  { method, target }: RawRequest,
  requestId: string,
  logger: SyncApiLogger,
): Refusal {
  const operation = findRoute(method, target)?.operation.name;
  logger.error('a request failed', { requestId, operation, error });
  return { status: 500, code: 'InternalErrorException', message: 'internal error' };
}
