import { randomUUID } from 'node:crypto';
import type { Context } from 'aws-lambda';
import deployed from '../stack/function-limits.json' with { type: 'json' };
import { functionArn } from './names.ts';

/** Limits of a function: `timeout` in seconds, `memorySize` in MB. */
interface FunctionLimits {
  timeout: number;
  memorySize: number;
}

/** The limits with which `serverless.yml` deploys each function. */
const DEPLOYED: Readonly<Record<string, FunctionLimits>> = deployed;
/** The limits of functions that run only in the local cloud. */
const LOCAL: FunctionLimits = { timeout: 60, memorySize: 1024 };

/**
 * Creates the context that Lambda passes to a function with the event. The context has the limits of the deployed
 * function.
 * @param timeoutMs time that the invocation still has; by default, the timeout of the deployed function
 */
export function createLambdaContext(functionName: string, region: string, timeoutMs?: number): Context {
  const { timeout, memorySize } = DEPLOYED[functionName] ?? LOCAL;
  const deadline = Date.now() + (timeoutMs ?? timeout * 1000);
  const unsupported = () => {
    throw new Error('context.done, fail and succeed are not supported: return a promise from the handler');
  };
  return {
    awsRequestId: randomUUID(),
    callbackWaitsForEmptyEventLoop: false,
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: functionArn(region, functionName),
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: 'local',
    memoryLimitInMB: String(memorySize),
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    done: unsupported,
    fail: unsupported,
    succeed: unsupported,
  };
}
