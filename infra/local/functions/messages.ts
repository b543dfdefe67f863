/** What a thread is started with. */
export interface FunctionWorkerData {
  functionName: string;
  /** URL of the module that exports `handler`. */
  module: string;
  region: string;
}

/** One invocation; the thread has one at a time. */
export interface InvocationRequest {
  /** JSON text. */
  event: string;
  timeoutMs: number;
}

/** What came of it: JSON text, or the message of what was thrown. */
export type InvocationReply = { answer: string } | { error: string };
