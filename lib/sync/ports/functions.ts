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

export interface InvocationOptions {
  /**
   * The id of the identity for which the function runs. With this id, the invoker prevents one identity from occupying
   * all execution slots.
   */
  identityId: string;
  /**
   * Time after which the invocation fails. Must be above 0. The time starts when the function gets an execution slot.
   * If the function waits for a slot for that long, the invocation fails as well.
   */
  timeoutMs: number;
  /** Called when the function gets an execution slot. The call may be omitted if the function did not have to wait. */
  onStart?: () => void;
}

/**
 * Invokes a function and waits for its answer. Event and answer are JSON values.
 * @throws {FunctionError} if the invocation fails
 */
export type InvokeFunction = (
  functionArn: string,
  event: object,
  options: InvocationOptions,
) => Promise<unknown>;
