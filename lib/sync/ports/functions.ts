/**
 * Why an invocation failed: the function threw or exited, timed out, had no capacity for the call, or does not exist.
 */
export type FunctionErrorReason = 'threw' | 'timed-out' | 'throttled' | 'not-found';

/** A failed invocation. If the function threw, `message` is the text of its error. */
export class FunctionError extends Error {
  override name = 'FunctionError';
  readonly reason: FunctionErrorReason;

  constructor(reason: FunctionErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Invokes a function and waits for its answer. Event and answer are JSON values.
 * @param timeoutMs time after which the invocation fails; above 0
 * @throws {FunctionError} if the invocation fails
 */
export type InvokeFunction = (
  functionArn: string,
  event: object,
  options: { timeoutMs: number },
) => Promise<unknown>;
