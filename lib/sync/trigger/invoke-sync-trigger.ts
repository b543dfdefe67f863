import { ServiceError } from '../../common/errors.ts';
import type { SyncTriggerEvent } from '../../rules/sync-trigger-event.ts';
import { FunctionError, type InvokeFunction } from '../ports/functions.ts';

/** More of what a function throws no device needs. */
const MAX_MESSAGE_LENGTH = 1_000;

/**
 * Has a pool's sync trigger look at an update.
 * @param timeoutMs what is left of its time
 * @returns what it answered, which may be anything
 * @throws {ServiceError} InvalidLambdaFunctionOutputException: it threw, the text then reaching the device, or is not
 *   there; LambdaSocketTimeoutException; LambdaThrottledException
 */
export async function invokeSyncTrigger(
  invokeFunction: InvokeFunction,
  functionArn: string,
  event: SyncTriggerEvent,
  timeoutMs: number,
): Promise<unknown> {
  if (timeoutMs <= 0) throw timedOut();
  try {
    return await invokeFunction(functionArn, event, { timeoutMs });
  } catch (error) {
    throw error instanceof FunctionError ? toServiceError(error, functionArn) : error;
  }
}

function toServiceError({ reason, message }: FunctionError, functionArn: string): ServiceError {
  switch (reason) {
    case 'threw':
      return new ServiceError(
        'InvalidLambdaFunctionOutputException',
        `SyncTrigger failed with error ${shorten(message)}.`,
      );
    case 'not-found':
      return new ServiceError(
        'InvalidLambdaFunctionOutputException',
        `SyncTrigger is not a function: ${functionArn}; set another one, or none, with SetCognitoEvents`,
      );
    case 'timed-out':
      return timedOut();
    case 'throttled':
      return new ServiceError('LambdaThrottledException', 'SyncTrigger is throttled; sync again');
  }
}

function timedOut(): ServiceError {
  return new ServiceError('LambdaSocketTimeoutException', 'SyncTrigger took too long; sync again');
}

function shorten(message: string): string {
  return message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed();
}
