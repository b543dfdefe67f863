/**
 * Why an invocation came to nothing: the function threw or ended itself, took longer than it may, had no capacity left
 * for the call, or is not there.
 */
export type FunctionErrorReason = 'threw' | 'timed-out' | 'throttled' | 'not-found';

/** Of what an owner's function threw, `message` is the text. */
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
 * @param timeoutMs after which the function has failed; above 0
 * @throws {FunctionError}
 */
export type InvokeFunction = (
  functionArn: string,
  event: object,
  options: { timeoutMs: number },
) => Promise<unknown>;
