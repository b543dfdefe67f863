import type { DeveloperOperation, IdentityOperations, PublicOperation } from '../identity/model.ts';
import { targetedOperation } from './amz-target.ts';
import { decodeMembers } from './decode-value.ts';
import { encodeOutput } from './encode-output.ts';
import { RequestError } from './errors.ts';
import { findIdentityOperation, type IdentityOperationName } from './identity-api-model.ts';
import { IDENTITY_CONSTRAINTS } from './identity-constraints.ts';
import { createJsonApi } from './json-api.ts';
import { limitBody, parseJsonBody } from './request-body.ts';
import type { Structure } from './shape.ts';
import type { RawRequest, SigV4Verifier } from './sigv4.ts';
import { createViolations } from './violations.ts';
import type { WireLogger, WireResponse } from './wire-response.ts';

export interface IdentityApiDeps {
  operations: IdentityOperations;
  verify: SigV4Verifier;
  /** Returns a new id for each request. */
  requestId: () => string;
  logger: WireLogger;
}

/** Handles one request. Never rejects. */
export type IdentityApi = (request: RawRequest) => Promise<WireResponse>;

const SERVICE = 'cognito-identity';
/** Twice the size of ten tokens with 50,000 characters each. Tokens are ASCII. */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * Operations that a client calls before it has credentials. The SDKs do not sign them, and signatures are ignored.
 * Source: API model.
 */
const PUBLIC = ['GetId', 'GetCredentialsForIdentity', 'GetOpenIdToken'] as const;
type PublicName = (typeof PUBLIC)[number];

/**
 * Creates the Amazon Cognito Identity API, version 2014-06-30 (awsJson1.1), as one function from a raw request to its
 * response. Shapes come from the SDK's own schemas, constraints from the API model. All client errors have status 400,
 * as from the service itself, even if the model defines another status.
 */
export function createIdentityApi(deps: IdentityApiDeps): IdentityApi {
  return createJsonApi({
    contentType: 'application/x-amz-json-1.1',
    answer: (request) => answer(request, deps),
    statusOf: ({ status }) => (status < 500 ? 400 : 500),
    operationName: (request) => findIdentityOperation(readOperationName(request))?.name,
    requestId: deps.requestId,
    logger: deps.logger,
  });
}

async function answer(request: RawRequest, deps: IdentityApiDeps): Promise<string> {
  limitBody(request, MAX_BODY_BYTES);
  const name = readOperationName(request);
  const operation = findIdentityOperation(name);
  if (!operation) throw notServed(name);
  const call = bindOperation(operation.name, request, deps);
  const output = await call(decodeInput(operation.input, request));
  return operation.output.members.length === 0 ? '' : encodeOutput(operation.output, output, 'omitted');
}

/** Returns the operation's name, or an empty text if the target belongs to another service. */
function readOperationName(request: RawRequest): string {
  return targetedOperation(request, 'AWSCognitoIdentityService') ?? '';
}

/** For this code, the SDKs and the AWS CLI show the message unchanged and do not retry. */
function notServed(name: string): RequestError {
  const operation = /^\w{1,64}$/.test(name) ? `the operation ${name}` : 'this operation';
  return new RequestError('UnknownOperationException', `${operation} is not served here`);
}

/**
 * Binds the operation to its caller. The caller is determined before the input is decoded.
 * @throws {SignatureError} the operation requires a signature, which is missing or invalid
 */
function bindOperation(
  name: IdentityOperationName,
  request: RawRequest,
  { operations, verify }: IdentityApiDeps,
): (input: object) => Promise<object> {
  // Decoding by the schema guarantees that the input has the operation's type, which the compiler cannot verify.
  if (isPublic(name)) {
    const operation: PublicOperation<never, object> = operations[name];
    return (input) => operation(input as never);
  }
  const operation: DeveloperOperation<never, object> = operations[name];
  const caller = verify(request, SERVICE);
  return (input) => operation(input as never, caller);
}

function isPublic(name: IdentityOperationName): name is PublicName {
  return PUBLIC.some((known) => known === name);
}

/** All members are in the body. The error code is that of the service itself, although its model does not have it. */
function decodeInput(input: Structure, request: RawRequest): object {
  const violations = createViolations((message) => new RequestError('ValidationException', message));
  const decoding = { constraints: IDENTITY_CONSTRAINTS, violations };
  const decoded = decodeMembers(input, parseJsonBody(request.body), decoding);
  violations.throwIfAny();
  return decoded;
}
