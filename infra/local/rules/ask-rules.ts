import { once } from 'node:events';
import { SetupError } from '../../../lib/common/errors.ts';
import { startThread } from '../../../lib/common/start-thread.ts';
import { messageOfThrown } from '../../../lib/common/thrown.ts';

/** What the console asks about the sync rules. `text` contains events in the forms that `rules try` accepts. */
export type RulesQuestion = { kind: 'describe' } | { kind: 'try'; text: string };

export interface RulesWorkerData {
  rulesFile: string;
  question: RulesQuestion;
}

/** The reply of the thread: the answer, or why the rules or the events cannot be used. */
export type RulesReply = { answer: unknown } | { problem: string };

/** The timeout of Lambda's init phase. Source: AWS Lambda Developer Guide. */
const TIMEOUT_MS = 10_000;

/**
 * Answers a question about a rules file. Each question runs in a new thread: the thread loads the current content of
 * the file, and the file can neither end nor block this process.
 *
 * @param rulesFile absolute path
 * @throws {SetupError} the rules or the events cannot be used; the message says why
 */
export async function askRules(
  rulesFile: string,
  question: RulesQuestion,
  timeoutMs = TIMEOUT_MS,
): Promise<unknown> {
  const data: RulesWorkerData = { rulesFile, question };
  const worker = startThread(new URL('./rules-worker.ts', import.meta.url), { workerData: data });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    void worker.terminate();
  }, timeoutMs);
  let reply: RulesReply | undefined;
  worker.once('message', (message: RulesReply) => {
    reply = message;
  });
  try {
    await once(worker, 'exit');
  } catch (error) {
    throw new SetupError(`the rules file failed while it was loaded or run: ${messageOfThrown(error)}`);
  } finally {
    clearTimeout(timer);
  }
  if (timedOut) throw new SetupError(`the rules did not finish within ${timeoutMs / 1_000} s`);
  if (reply === undefined)
    throw new SetupError('the rules file ended early; remove process.exit and promises that never settle');
  if ('problem' in reply) throw new SetupError(reply.problem);
  return reply.answer;
}
