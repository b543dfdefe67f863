import { isObject } from '../common/json.ts';
import { targetedOperation } from './amz-target.ts';
import { API_OPERATIONS, type ApiOperation } from './api-model.ts';
import { bodyLimitOf } from './body-limits.ts';
import type { RequestHead } from './canonical-request.ts';
import { encodeMembers } from './encode-output.ts';
import { RequestError } from './errors.ts';
import { parseJsonBody } from './request-body.ts';
import type { RawRequest } from './sigv4.ts';

const NAMESPACE = 'com.amazonaws.cognito.sync.model';

/**
 * Whether a request uses the RPC form of Cognito Sync: `POST /` with the operation in `X-Amz-Target`. The samples in
 * the API reference use this form. The named operation need not exist.
 */
export function isRpcForm(request: RequestHead): boolean {
  return (
    request.method === 'POST' &&
    /^\/(?:\?|$)/.test(request.target) &&
    targetedOperation(request, 'AWSCognitoSyncService') !== undefined
  );
}

/**
 * Finds the operation of a request in the RPC form.
 * @returns undefined if the request does not have the RPC form or names an unknown operation
 */
export function findRpcOperation(request: RequestHead): ApiOperation | undefined {
  if (!isRpcForm(request)) return undefined;
  const name = targetedOperation(request, 'AWSCognitoSyncService');
  return API_OPERATIONS.find((operation) => operation.name === name);
}

interface RpcBody {
  /** The operation's input, not decoded. */
  members: Readonly<Record<string, unknown>>;
  /** Whether the input was in an envelope. If so, the response must be in an envelope, too. */
  isEnvelope: boolean;
}

/**
 * Reads the body of a request in the RPC form. The body is the operation's input, plain or in the envelope
 * `{"Operation": …, "Service": …, "Input": {…}}`. The two forms cannot be confused, because no operation's input has a
 * member `Operation`, `Service` or `Input`.
 *
 * @throws {RequestError} SerializationException if the body is not a JSON object, or is an envelope of another
 *   operation
 */
export function readRpcBody({ name }: ApiOperation, { body }: RawRequest): RpcBody {
  const content = parseJsonBody(body, bodyLimitOf(name).maxValues);
  const { Operation, Input } = content;
  if (Operation === undefined && Input === undefined) return { members: content, isEnvelope: false };
  if (Operation !== undefined && Operation !== name && Operation !== `${NAMESPACE}#${name}`) {
    throw new RequestError(
      'SerializationException',
      `The field 'Operation' of the body does not match X-Amz-Target, which names ${name}`,
    );
  }
  const members = Input ?? {};
  if (!isObject(members))
    throw new RequestError('SerializationException', "The field 'Input' of the body is not a JSON object");
  return { members, isEnvelope: true };
}

/** Encodes an operation's output in the envelope. Source: the samples of the API reference. */
export function encodeEnvelope({ name, output }: ApiOperation, value: object): string {
  const Output = { __type: `${NAMESPACE}#${name}Response`, ...encodeMembers(output, value) };
  return JSON.stringify({ Output, Version: '1.0' });
}

/** Puts an output that is encoded in parts into the envelope. */
export async function* encodeEnvelopeInParts(
  { name }: ApiOperation,
  output: AsyncIterable<string>,
): AsyncGenerator<string> {
  let isFirst = true;
  for await (const part of output) {
    yield isFirst ? `{"Output":{"__type":"${NAMESPACE}#${name}Response",${part.slice(1)}` : part;
    isFirst = false;
  }
  yield ',"Version":"1.0"}';
}
