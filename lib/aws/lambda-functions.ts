import { InvokeCommand, LambdaClient, type LambdaClientConfig } from '@aws-sdk/client-lambda';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { isObject } from '../common/json.ts';
import { FunctionError, type FunctionErrorReason, type InvokeFunction } from '../sync/ports/functions.ts';
import { atEndpoint } from './at-endpoint.ts';
import { nameOf } from './aws-failure.ts';

interface LambdaFunctionsOptions {
  region: string;
  /** Base URL of an emulator. Default: AWS. */
  endpoint?: string;
  /** Default: the SDK's credential chain. */
  credentials?: NonNullable<LambdaClientConfig['credentials']>;
}

/**
 * If an address of Lambda does not respond, the SDK tries another one well before the time limit of the sync trigger.
 */
const CONNECT_TIMEOUT_MS = 1_500;

/** Errors of Invoke with which Lambda throttles the call. Source: AWS Lambda API Reference, Invoke. */
const THROTTLED = new Set(['TooManyRequestsException', 'EC2ThrottledException', 'ThrottlingException']);

/** Permanent errors of Invoke, with what to do about them. Source: AWS Lambda API Reference, Invoke. */
const PERMANENT = new Map([
  [
    'AccessDeniedException',
    'the service has no permission to invoke the function; allow lambda:InvokeFunction',
  ],
  ['InvalidParameterValueException', 'the ARN of the function is invalid'],
  ['RequestTooLargeException', 'the dataset is larger than Lambda accepts in an invocation (6 MB)'],
]);

/**
 * Creates the function that invokes functions through the API of AWS Lambda. `timeoutMs` limits the whole call,
 * including retries of the SDK. An error of the network or of Lambda itself counts as a timeout, so that the client of
 * the sync API tries again. Event and answer are never logged, and no error quotes them; only the text of a function's
 * own error is passed on.
 */
export function createLambdaFunctions({ endpoint, ...options }: LambdaFunctionsOptions): InvokeFunction {
  const client = new LambdaClient({
    ...options,
    ...atEndpoint(endpoint),
    requestHandler: new NodeHttpHandler({ connectionTimeout: CONNECT_TIMEOUT_MS }),
  });
  return async (functionArn, event, { timeoutMs }) => {
    const answer = await client
      .send(new InvokeCommand({ FunctionName: functionArn, Payload: JSON.stringify(event) }), {
        abortSignal: AbortSignal.timeout(timeoutMs),
      })
      .catch((error: unknown) => {
        throw toFunctionError(error, functionArn);
      });
    const payload = readPayload(answer.Payload);
    if (answer.FunctionError !== undefined) throw toThrown(payload);
    return payload;
  };
}

function readPayload(payload: Uint8Array | undefined): unknown {
  if (payload === undefined || payload.length === 0) return null;
  try {
    return JSON.parse(new TextDecoder().decode(payload));
  } catch {
    throw new FunctionError('threw', 'its answer is not JSON');
  }
}

const TIMED_OUT = /\bTask timed out after [\d.]+ seconds/;

/**
 * Converts the payload of a failed function. Lambda reports the function's own timeout in the same form as an error that
 * the function throws. Source: AWS Lambda Developer Guide, "Troubleshoot execution issues in Lambda".
 */
function toThrown(payload: unknown): FunctionError {
  const { errorMessage } = isObject(payload) ? payload : {};
  const message = typeof errorMessage === 'string' ? errorMessage : 'unknown error';
  return new FunctionError(TIMED_OUT.test(message) ? 'timed-out' : 'threw', message);
}

function toFunctionError(error: unknown, functionArn: string): FunctionError {
  const name = nameOf(error);
  const advice = PERMANENT.get(name);
  if (advice !== undefined) return new FunctionError('threw', `${advice} (${name})`);
  return new FunctionError(reasonOf(name), `${functionArn}: ${name}`);
}

function reasonOf(name: string): FunctionErrorReason {
  if (name === 'ResourceNotFoundException') return 'not-found';
  return THROTTLED.has(name) ? 'throttled' : 'timed-out';
}
