import type { DeveloperOperation, IdentityOperations, PublicOperation } from '../identity/model.ts';
import { header } from './canonical-request.ts';
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
  /** A new id for each request. */
  requestId: () => string;
  logger: WireLogger;
}

/** Answers one request; never rejects. */
export type IdentityApi = (request: RawRequest) => Promise<WireResponse>;

/** What `x-amz-target` begins with. */
export const IDENTITY_TARGET = 'AWSCognitoIdentityService.';

const SERVICE = 'cognito-identity';
/** Ten tokens of 50,000 characters fit in twice; tokens are ASCII. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Asked before there are credentials; the SDKs do not sign them, and a signature is not looked at. Source: API model. */
const PUBLIC = ['GetId', 'GetCredentialsForIdentity', 'GetOpenIdToken'] as const;
type PublicName = (typeof PUBLIC)[number];

/**
 * The Amazon Cognito Identity API of 2014-06-30 (awsJson1.1): one function from a raw request to its response. Shapes
 * are those of the SDK's own schemas, constraints those of the API model. Whatever a client does wrong is answered with
 * 400, as the service itself does, whatever the model says.
 */
export function createIdentityApi(deps: IdentityApiDeps): IdentityApi {
  return createJsonApi({
    contentType: 'application/x-amz-json-1.1',
    answer: (request) => answer(request, deps),
    statusOf: ({ status }) => (status < 500 ? 400 : 500),
    operationName: (request) => findIdentityOperation(askedFor(request))?.name,
    requestId: deps.requestId,
    logger: deps.logger,
  });
}

async function answer(request: RawRequest, deps: IdentityApiDeps): Promise<string> {
  limitBody(request, MAX_BODY_BYTES);
  const name = askedFor(request);
  const operation = findIdentityOperation(name);
  if (!operation) throw notServed(name);
  const call = callOf(operation.name, request, deps);
  const output = await call(decodeInput(operation.input, request));
  return operation.output.members.length === 0 ? '' : encodeOutput(operation.output, output, 'left out');
}

/** The operation's name; empty where the target is none of this service. */
function askedFor(request: RawRequest): string {
  const target = header(request, 'x-amz-target') ?? '';
  return target.startsWith(IDENTITY_TARGET) ? target.slice(IDENTITY_TARGET.length) : '';
}

/** Under this code the SDKs and the AWS CLI show the message as it is, and do not ask again. */
function notServed(name: string): RequestError {
  const operation = /^\w{1,64}$/.test(name) ? `the operation ${name}` : 'this operation';
  return new RequestError('UnknownOperationException', `${operation} is not served here`);
}

/**
 * Whom the operation is called for is settled before its input is looked at.
 * @throws {SignatureError} where it has to be signed, and is not
 */
function callOf(
  name: IdentityOperationName,
  request: RawRequest,
  { operations, verify }: IdentityApiDeps,
): (input: object) => Promise<object> {
  // Decoding has made the input what the operation takes, by the schema: that is beyond what the compiler can follow.
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

/** All members travel in the body. The code is the one that the service itself answers, which its model does not have. */
function decodeInput(input: Structure, request: RawRequest): object {
  const violations = createViolations((message) => new RequestError('ValidationException', message));
  const decoding = { constraints: IDENTITY_CONSTRAINTS, violations };
  const decoded = decodeMembers(input, parseJsonBody(request.body), decoding);
  violations.throwIfAny();
  return decoded;
}
