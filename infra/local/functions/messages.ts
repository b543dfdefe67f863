import type { MessagePort } from 'node:worker_threads';

/** What a thread is started with. */
export interface FunctionWorkerData {
  functionName: string;
  /** URL of the module that exports `handler`. */
  module: string;
  region: string;
}

/** The first message to a thread: where it is called. The function does not see it, so what it posts goes elsewhere. */
export interface InvocationPort {
  port: MessagePort;
}

/** One invocation; the thread has one at a time. */
export interface InvocationRequest {
  /** JSON text. */
  event: string;
  timeoutMs: number;
}

/** What came of it: JSON text, or the message of what was thrown. */
export type InvocationReply = { answer: string } | { error: string };

/** @returns undefined for what is no reply: a function can change what its thread does */
export function toReply(message: unknown): InvocationReply | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  if ('answer' in message && typeof message.answer === 'string') return { answer: message.answer };
  if ('error' in message && typeof message.error === 'string') return { error: message.error };
  return undefined;
}
