import { SetupError, ValueRefusedError } from '../errors.ts';
import { DatabaseError } from '../store/database.ts';
import { type CommandDeps, UsageError } from './command.ts';
import { COMMANDS } from './commands.ts';
import { usage } from './usage.ts';

/** How a command ended: 0 done, 1 failed, 2 called wrongly; what went wrong, in words for the operator. */
export interface Outcome {
  exitCode: 0 | 1 | 2;
  error?: string;
}

export const DONE: Outcome = { exitCode: 0 };

/**
 * Reads a command line, name first. What it returns does the work, as often as it is called.
 * @throws {UsageError} with how it is called
 */
export function prepareCommand([name, ...args]: readonly string[]): (deps: CommandDeps) => Promise<void> {
  const command = COMMANDS.get(name ?? '');
  if (command === undefined) {
    const said = name === undefined ? 'which command?' : `there is no command ${name}`;
    throw new UsageError(`${said}\n${usage(undefined)}`);
  }
  try {
    return command.prepare(args);
  } catch (error) {
    if (!(error instanceof UsageError) && !isOfParseArgs(error)) throw error;
    throw new UsageError(`${error.message}\n${usage(name)}`);
  }
}

/** The same command line, prepared before, for a process that works in another directory than `cwd`. */
export function fromAnywhere([name = '', ...args]: readonly string[], cwd: string): string[] {
  return [name, ...(COMMANDS.get(name)?.fromAnywhere?.(args, cwd) ?? args)];
}

/** Words the failures that the operator can do something about. @throws any other */
export async function outcomeOf(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UsageError) return { exitCode: 2, error: error.message };
    if (error instanceof SetupError) return { exitCode: 1, error: error.message };
    if (error instanceof DatabaseError || error instanceof ValueRefusedError) {
      return { exitCode: 1, error: `the database says: ${error.message}` };
    }
    throw error;
  }
}

function isOfParseArgs(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}
