import type { DeveloperOperation, IdentityOperations, PublicOperation } from '../identity/model.ts';
import { targetedOperation } from './amz-target.ts';
import { bodyLimitOf } from './body-limits.ts';
import type { RequestHead } from './canonical-request.ts';
import { decodeMembers } from './decode-value.ts';
import { encodeOutput } from './encode-output.ts';
import { isStatusOfAnyProtocol, RequestError } from './errors.ts';
import {
  findIdentityOperation,
  type IdentityApiOperation,
  type IdentityOperationName,
} from './identity-api-model.ts';
import { IDENTITY_CONSTRAINTS } from './identity-constraints.ts';
import { createJsonApi } from './json-api.ts';
import { costOf, NO_RATE_LIMITS, type RateLimits } from './rate-limits.ts';
import { receiveSigned } from './receive-signed.ts';
import { parseJsonBody, receiveBody, type WireRequest } from './request-body.ts';
import type { RawRequest, SigV4Verifier } from './sigv4.ts';
import { inTurn } from './turns.ts';
import { createViolations } from './violations.ts';
import type { WireLogger, WireResponse } from './wire-response.ts';

export interface IdentityApiDeps {
  operations: IdentityOperations;
  verify: SigV4Verifier;
  /** The rate limits. If absent, requests are not limited. */
  limits?: RateLimits;
  /** Returns a new id for each request. */
  requestId: () => string;
  logger: WireLogger;
}

/** Handles one request. Never rejects. */
export type IdentityApi = (request: WireRequest) => Promise<WireResponse>;

const SERVICE = 'cognito-identity';

/**
 * Operations that a client calls before it has credentials. The SDKs do not sign requests for these operations, and
 * this service ignores their signatures. Source: API model.
 */
const PUBLIC = ['GetId', 'GetCredentialsForIdentity', 'GetOpenIdToken', 'UnlinkIdentity'] as const;
type PublicName = (typeof PUBLIC)[number];

/**
 * Creates the Amazon Cognito Identity API, version 2014-06-30 (awsJson1.1), as one function from a raw request to its
 * response. Shapes come from the SDK's own schemas, constraints from the API model. Client errors have status 400, as
 * in Amazon Cognito Identity, even if the model defines another status. The only exceptions are errors about size, rate
 * and availability; see `isStatusOfAnyProtocol`.
 */
export function createIdentityApi(deps: IdentityApiDeps): IdentityApi {
  return createJsonApi({
    contentType: 'application/x-amz-json-1.1',
    answer: (request) => answer(request, deps),
    statusOf: ({ status }) => (isStatusOfAnyProtocol(status) ? status : status < 500 ? 400 : 500),
    operationName: (request) => findIdentityOperation(readOperationName(request))?.name,
    requestId: deps.requestId,
    logger: deps.logger,
  });
}

async function answer(incoming: WireRequest, deps: IdentityApiDeps): Promise<string> {
  const name = readOperationName(incoming);
  const operation = findIdentityOperation(name);
  if (!operation) throw notServed(name);
  const { request, call } = await bindOperation(operation.name, incoming, deps);
  const output = await call(decodeInput(operation, request));
  return operation.output.members.length === 0 ? '' : encodeOutput(operation.output, output, 'omitted');
}

/** Returns the operation's name, or an empty text if the target belongs to another service. */
function readOperationName(request: RequestHead): string {
  return targetedOperation(request, 'AWSCognitoIdentityService') ?? '';
}

/**
 * Creates the error for an operation that this service does not have. For this error code, the SDKs and the AWS CLI
 * show the message unchanged and do not retry.
 */
function notServed(name: string): RequestError {
  const operation = /^\w{1,64}$/.test(name) ? `the operation ${name}` : 'this operation';
  return new RequestError('UnknownOperationException', `${operation} is not supported by this service`);
}

/**
 * Receives the request and binds the operation to its caller. Rejects as many invalid requests as possible before the
 * body is read. Developers have no rate limits.
 *
 * @throws {SignatureError} the operation requires a signature, which is missing or invalid
 */
async function bindOperation(
  name: IdentityOperationName,
  incoming: WireRequest,
  { operations, verify, limits = NO_RATE_LIMITS }: IdentityApiDeps,
): Promise<{ request: RawRequest; call: (input: object) => Promise<object> }> {
  const { maxBytes } = bodyLimitOf(name);
  const cost = costOf(name, incoming);
  // Decoding by the schema guarantees that the input has the operation's type, which the compiler cannot verify.
  if (isPublic(name)) {
    limits.charge('address', incoming.sourceAddress, cost);
    const operation: PublicOperation<never, object> = operations[name];
    const request = await receiveBody(incoming, maxBytes);
    return {
      request,
      call(input) {
        if (name === 'GetId') limits.charge('issuing', String(Reflect.get(input, 'IdentityPoolId')), cost);
        return inTurn(limits.enter('address', incoming.sourceAddress, incoming), () =>
          operation(input as never),
        );
      },
    };
  }
  const operation: DeveloperOperation<never, object> = operations[name];
  const { request, caller } = await receiveSigned(incoming, {
    verify,
    service: SERVICE,
    limits,
    cost,
    maxBytes,
  });
  return { request, call: (input) => operation(input as never, caller) };
}

function isPublic(name: IdentityOperationName): name is PublicName {
  return PUBLIC.some((known) => known === name);
}

/**
 * Decodes an operation's input, whose members are all in the body. The error code is the one that Amazon Cognito
 * Identity returns, although its API model does not contain the code.
 */
function decodeInput({ name, input }: IdentityApiOperation, request: RawRequest): object {
  const violations = createViolations((message) => new RequestError('ValidationException', message));
  const decoding = { constraints: IDENTITY_CONSTRAINTS, violations };
  const decoded = decodeMembers(input, parseJsonBody(request.body, bodyLimitOf(name).maxValues), decoding);
  violations.throwIfAny();
  return decoded;
}
