import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { SetupError } from '../../../lib/common/errors.ts';
import { type Confirm, UsageError } from '../command.ts';

interface Terminal {
  input: NodeJS.ReadableStream & { isTTY?: boolean };
  output: NodeJS.WritableStream & { isTTY?: boolean };
}

/** Asks on the terminal. The question goes to standard error, because standard output may be piped. */
export function createConfirm({ input, output }: Terminal): Confirm {
  return async (question) => {
    if (!input.isTTY || !output.isTTY) throw new UsageError(noTerminalText());
    const answer = await ask({ input, output }, `${question} [y/N] `);
    if (answer === null) throw new SetupError('nothing was changed');
    if (!/^y(es)?$/i.test(answer.trim())) throw new SetupError('nothing was changed: the answer was no');
  };
}

/** Asks the question and reads one line. @returns null if there was no answer */
async function ask({ input, output }: Terminal, question: string): Promise<string | null> {
  const lines = createInterface({ input, output });
  try {
    const answered = lines.question(question).catch(nullIfAborted);
    const answer = await Promise.race([answered, once(lines, 'close').then(() => null)]);
    // After Ctrl+C or Ctrl+D, the cursor is still on the line of the question.
    if (answer === null) output.write('\n');
    return answer;
  } finally {
    lines.close();
  }
}

/** Returns null for the AbortError that Ctrl+C raises. @throws any other error */
function nullIfAborted(error: unknown): null {
  if (error instanceof Error && error.name === 'AbortError') return null;
  throw error;
}

/** Returns the error message for a command that asks for confirmation when no terminal can show the question. */
export function noTerminalText(): string {
  return 'nothing was changed: no terminal can ask for confirmation; review what would change, then add --yes';
}
