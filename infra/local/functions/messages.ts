import type { MessagePort } from 'node:worker_threads';
import type { RuleDecision } from '../../../lib/rules/verdict.ts';

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

/**
 * How often a sync rule made a decision in one invocation, for metrics. The author of the rules file chooses the name
 * of the rule, so the name is not trusted.
 */
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
  /** Whether the reply should contain the decisions of the sync rules. */
  isWatched: boolean;
}

/**
 * The result of an invocation: the response as JSON text, or the message of the thrown error. If the invocation is
 * watched, `decisions` contains the decisions of the sync rules.
 */
export type InvocationReply = ({ answer: string } | { error: string }) & {
  decisions: readonly RuleDecision[];
};

/**
 * Parses a message of a thread. Returns undefined for an invalid message. A function can cause such messages by
 * changing the globals of its thread.
 */
export function toMessage(message: unknown): LoadReport | DecisionsMessage | InvocationReply | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const decisions = 'decisions' in message ? toDecisions(message.decisions) : [];
  if ('answer' in message && typeof message.answer === 'string') return { answer: message.answer, decisions };
  if ('error' in message && typeof message.error === 'string') return { error: message.error, decisions };
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

function toDecisions(decisions: unknown): readonly RuleDecision[] {
  return Array.isArray(decisions) ? decisions.filter(isDecision) : [];
}

function isDecision(decision: unknown): decision is RuleDecision {
  if (typeof decision !== 'object' || decision === null) return false;
  if (!('rule' in decision && 'key' in decision && 'action' in decision && 'reason' in decision))
    return false;
  const { rule, key, action, reason } = decision;
  return (
    [rule, action, reason].every((text) => typeof text === 'string') &&
    (key === null || typeof key === 'string')
  );
}
