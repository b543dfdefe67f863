import type { MessagePort } from 'node:worker_threads';

/** What a thread is started with. */
export interface FunctionWorkerData {
  functionName: string;
  /** URL of the module that exports `handler`. */
  module: string;
  region: string;
  /** URL of the sync rules that it reads, if any. */
  rulesFile: string;
}

/** The first message to a thread: where it is called. The function does not see it, so what it posts goes elsewhere. */
export interface InvocationPort {
  port: MessagePort;
}

/** What a thread says while it loads the function: a file of the sync rules that it is about to read; that it is done. */
export type LoadReport = { path: string; stamp: string } | { loaded: true };

/** One invocation; the thread has one at a time. */
export interface InvocationRequest {
  /** JSON text. */
  event: string;
  timeoutMs: number;
}

/** What came of it: JSON text, or the message of what was thrown. */
export type InvocationReply = { answer: string } | { error: string };

/** @returns undefined for what is none: a function can change what its thread does */
export function toMessage(message: unknown): LoadReport | InvocationReply | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  if ('answer' in message && typeof message.answer === 'string') return { answer: message.answer };
  if ('error' in message && typeof message.error === 'string') return { error: message.error };
  if ('loaded' in message && message.loaded === true) return { loaded: true };
  if (!('path' in message && 'stamp' in message)) return undefined;
  const { path, stamp } = message;
  return typeof path === 'string' && typeof stamp === 'string' ? { path, stamp } : undefined;
}
