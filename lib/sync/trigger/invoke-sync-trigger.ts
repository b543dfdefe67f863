import { ServiceError } from '../../common/errors.ts';
import type { SyncTriggerEvent } from '../../rules/sync-trigger-event.ts';
import { FunctionError, type InvocationOptions, type InvokeFunction } from '../ports/functions.ts';

/** Maximum length of a function's error text that is sent to the device; longer texts are shortened. */
const MAX_MESSAGE_LENGTH = 1_000;

/**
 * Invokes a pool's sync trigger for an update.
 * @param options `timeoutMs` is the time that remains of the UpdateRecords call's time limit for triggers
 * @returns the function's answer, any JSON value
 * @throws {ServiceError} InvalidLambdaFunctionOutputException if the function threw or does not exist;
 *   LambdaSocketTimeoutException; LambdaThrottledException. The device receives the message, which includes the error
 *   text of a function that threw.
 */
export async function invokeSyncTrigger(
  invokeFunction: InvokeFunction,
  functionArn: string,
  event: SyncTriggerEvent,
  options: InvocationOptions,
): Promise<unknown> {
  if (options.timeoutMs <= 0) throw timedOut();
  try {
    return await invokeFunction(functionArn, event, options);
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
        `SyncTrigger function not found: ${functionArn}; set another function or remove it with SetCognitoEvents`,
      );
    case 'timed-out':
      return timedOut();
    case 'throttled':
      return new ServiceError('LambdaThrottledException', 'SyncTrigger was throttled; sync again', 1);
  }
}

function timedOut(): ServiceError {
  return new ServiceError('LambdaSocketTimeoutException', 'SyncTrigger timed out; sync again');
}

function shorten(message: string): string {
  return message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed();
}
