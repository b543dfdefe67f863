import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createLambdaFunctions } from '../../../lib/aws/lambda-functions.ts';
import { FunctionError } from '../../../lib/sync/ports/functions.ts';
import { listen } from '../../fixtures/aws/kinesis-emulator.ts';
import { type LambdaAnswer, type LambdaApi, startLambdaApi } from '../../fixtures/aws/lambda-api.ts';
import { freePort } from '../../fixtures/local/free-port.ts';

const ARN = 'arn:aws:lambda:us-east-1:123456789012:function:rules';
const EVENT = { datasetRecords: { score: { newValue: 'a secret value ü', op: 'replace' } } };
const OPTIONS = { identityId: 'us-east-1:someone', timeoutMs: 5_000 };

let api: LambdaApi | undefined;
afterEach(() => api?.close());

const connectTo = (endpoint: string) =>
  createLambdaFunctions({
    region: 'us-east-1',
    endpoint,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
  });

/** Invokes a function while Lambda responds with `answer`. Returns the error of the invocation. */
async function errorFor(answer: LambdaAnswer): Promise<unknown> {
  api = await startLambdaApi(async () => answer);
  return errorOf(connectTo(api.endpoint)(ARN, EVENT, OPTIONS));
}

function errorOf(invocation: Promise<unknown>): Promise<unknown> {
  return invocation.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('the invocation of a function through AWS Lambda', () => {
  it('passes the event to the function that the ARN names, and returns its answer', async () => {
    const calls: unknown[] = [];
    api = await startLambdaApi(async (...call) => {
      calls.push(call);
      return { result: { ...EVENT, note: 'é' } };
    });
    expect(await connectTo(api.endpoint)(ARN, EVENT, OPTIONS)).toEqual({ ...EVENT, note: 'é' });
    expect(calls).toEqual([[ARN, EVENT]]);
  });

  it.each([null, 'text', 7])('returns the answer %j', async (result) => {
    api = await startLambdaApi(async () => ({ result }));
    expect(await connectTo(api.endpoint)(ARN, EVENT, OPTIONS)).toBe(result);
  });

  it.each<[string, LambdaAnswer, Partial<FunctionError>]>([
    [
      'the function throws',
      { thrown: { errorType: 'Error', errorMessage: 'level is too high' } },
      { reason: 'threw', message: 'level is too high' },
    ],
    [
      'the function exceeds its own timeout',
      {
        thrown: {
          errorType: 'Sandbox.Timedout',
          errorMessage: 'RequestId: 1 Error: Task timed out after 3.00 seconds',
        },
      },
      { reason: 'timed-out' },
    ],
    [
      'the function does not exist',
      { status: 404, code: 'ResourceNotFoundException' },
      { reason: 'not-found' },
    ],
    ['Lambda throttles', { status: 429, code: 'TooManyRequestsException' }, { reason: 'throttled' }],
    ['Lambda fails', { status: 500, code: 'ServiceException' }, { reason: 'timed-out' }],
    [
      'the role may not invoke the function',
      { status: 403, code: 'AccessDeniedException' },
      { reason: 'threw', message: expect.stringContaining('allow lambda:InvokeFunction') },
    ],
    [
      'the event is too large',
      { status: 413, code: 'RequestTooLargeException' },
      { reason: 'threw', message: expect.stringContaining('larger than Lambda accepts') },
    ],
  ])('fails if %s, without quoting the event', async (_case, answer, expected) => {
    const error = await errorFor(answer);
    expect(error).toBeInstanceOf(FunctionError);
    expect(error).toMatchObject(expected);
    expect(String(error)).not.toContain('secret value');
  });

  it('times out if Lambda does not respond; the timeout includes all retries', async () => {
    const silent = createServer(() => undefined);
    const endpoint = await listen(silent);
    const startedAt = performance.now();
    const error = await errorOf(connectTo(endpoint)(ARN, EVENT, { ...OPTIONS, timeoutMs: 300 }));
    expect(error).toMatchObject({ name: 'FunctionError', reason: 'timed-out' });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    silent.closeAllConnections();
    silent.close();
  });

  it('times out if Lambda cannot be reached', async () => {
    const invoke = connectTo(`http://127.0.0.1:${await freePort()}`);
    expect(await errorOf(invoke(ARN, EVENT, OPTIONS))).toMatchObject({ reason: 'timed-out' });
  });
});
