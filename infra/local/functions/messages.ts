import type { MessagePort } from 'node:worker_threads';

/** The data that a thread is started with. */
export interface FunctionWorkerData {
  functionName: string;
  /** URL of the module that exports `handler`. */
  module: string;
  region: string;
  /** URL of the sync rules that the function reads, if it reads any. */
  rulesFile: string;
}

/**
 * The first message to a thread: its port for invocations. The function never receives the port, so it cannot use the
 * port.
 */
export interface InvocationPort {
  port: MessagePort;
}

/** Sent while the thread loads the function: a sync rules file that it is about to read, or completion. */
export type LoadReport = { path: string; stamp: string } | { loaded: true };

/** One invocation; the thread has one at a time. */
export interface InvocationRequest {
  /** JSON text. */
  event: string;
  timeoutMs: number;
}

/** The result of an invocation: the response as JSON text, or the message of the thrown error. */
export type InvocationReply = { answer: string } | { error: string };

/** @returns undefined for an invalid message, which a function can cause by changing the globals of its thread */
export function toMessage(message: unknown): LoadReport | InvocationReply | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  if ('answer' in message && typeof message.answer === 'string') return { answer: message.answer };
  if ('error' in message && typeof message.error === 'string') return { error: message.error };
  if ('loaded' in message && message.loaded === true) return { loaded: true };
  if (!('path' in message && 'stamp' in message)) return undefined;
  const { path, stamp } = message;
  return typeof path === 'string' && typeof stamp === 'string' ? { path, stamp } : undefined;
}
