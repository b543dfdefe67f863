import { randomUUID } from 'node:crypto';
import type { Context } from 'aws-lambda';
import { functionArn } from './names.ts';

/** Default timeout: that of the deployed `project-stream` in `serverless.yml`. */
const TIMEOUT_MS = 60_000;

/** Creates the context that Lambda passes to a function with the event. */
export function createLambdaContext(functionName: string, region: string, timeoutMs = TIMEOUT_MS): Context {
  const deadline = Date.now() + timeoutMs;
  const unsupported = () => {
    throw new Error('not supported: this function returns a promise');
  };
  return {
    awsRequestId: randomUUID(),
    callbackWaitsForEmptyEventLoop: false,
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: functionArn(region, functionName),
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: 'local',
    memoryLimitInMB: '1024',
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    done: unsupported,
    fail: unsupported,
    succeed: unsupported,
  };
}
