import type { MessagePort } from 'node:worker_threads';

/** The data with which a thread is started (`workerData`). */
export interface FunctionWorkerData {
  functionName: string;
  /** URL of the module that exports `handler`. */
  module: string;
  region: string;
  /** URL of the sync rules file. Not every function reads it. */
  rulesFile: string;
}

/**
 * The first message to a thread: the port for its invocations. The thread receives the message before it loads the
 * function, so the function cannot get the port.
 */
export interface InvocationPort {
  port: MessagePort;
}

/**
 * A message of a thread that is loading the function. It names a file of the sync rules that the thread is about to
 * read, or says that loading is complete.
 */
export type LoadReport = { path: string; stamp: string } | { loaded: true };

/** Decisions of a sync rule, for metrics. The rule's author chooses the name, so it is not trusted. */
export interface DecisionsMessage {
  rule: string;
  action: string;
  count: number;
}

/** The request for one invocation. A thread gets the next request only after its reply. */
export interface InvocationRequest {
  /** JSON text. */
  event: string;
  timeoutMs: number;
}

/** The result of an invocation: the response as JSON text, or the message of the thrown error. */
export type InvocationReply = { answer: string } | { error: string };

/**
 * Parses a message of a thread. Returns undefined for an invalid message. A function can cause such messages by
 * changing the globals of its thread.
 */
export function toMessage(message: unknown): LoadReport | DecisionsMessage | InvocationReply | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  if ('answer' in message && typeof message.answer === 'string') return { answer: message.answer };
  if ('error' in message && typeof message.error === 'string') return { error: message.error };
  if ('loaded' in message && message.loaded === true) return { loaded: true };
  if ('rule' in message) {
    const { rule, action, count } = message as Partial<DecisionsMessage>;
    const isValid = typeof rule === 'string' && typeof action === 'string' && Number.isSafeInteger(count);
    return isValid ? { rule, action, count: Math.max(0, Number(count)) } : undefined;
  }
  if (!('path' in message && 'stamp' in message)) return undefined;
  const { path, stamp } = message;
  return typeof path === 'string' && typeof stamp === 'string' ? { path, stamp } : undefined;
}
