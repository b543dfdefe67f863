import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { SetupError } from '../../../lib/common/errors.ts';
import { type Confirm, UsageError } from '../command.ts';

interface Terminal {
  input: NodeJS.ReadableStream & { isTTY?: boolean };
  output: NodeJS.WritableStream & { isTTY?: boolean };
}

/** Asks on a terminal: on standard error, as what a command says may be piped. */
export function createConfirm({ input, output }: Terminal): Confirm {
  return async (question) => {
    if (!input.isTTY || !output.isTTY) throw new UsageError(nobodyToAsk());
    const answer = await ask({ input, output }, `${question} [y/N] `);
    if (answer === null) throw new SetupError('nothing was changed');
    if (!/^y(es)?$/i.test(answer.trim())) throw new SetupError('nothing was changed, as the answer was no');
  };
}

/** @returns null where there was no answer */
async function ask({ input, output }: Terminal, question: string): Promise<string | null> {
  const lines = createInterface({ input, output });
  try {
    const answered = lines.question(question).catch(nullIfAborted);
    const answer = await Promise.race([answered, once(lines, 'close').then(() => null)]);
    // Ctrl+C or Ctrl+D: the cursor is still behind the question.
    if (answer === null) output.write('\n');
    return answer;
  } finally {
    lines.close();
  }
}

/** Ctrl+C. */
function nullIfAborted(error: unknown): null {
  if (error instanceof Error && error.name === 'AbortError') return null;
  throw error;
}

/** Why nothing is done without a question. */
export function nobodyToAsk(): string {
  return 'nothing was changed: there is no terminal to ask on; look at what would be done, then add --yes';
}
