import { SetupError, ValueRefusedError } from '../../lib/common/errors.ts';
import { DatabaseError } from '../../lib/database/database.ts';
import { refuseRepeated } from './arguments.ts';
import { type CommandDeps, type CommandUsage, type CommandWith, UsageError } from './command.ts';
import { COMMANDS } from './commands.ts';
import { usage } from './usage.ts';

/** How a command ended: 0 done, 1 failed, 2 called wrongly; what went wrong, in words for the operator. */
export interface Outcome {
  exitCode: 0 | 1 | 2;
  error?: string;
}

export const DONE: Outcome = { exitCode: 0 };

/**
 * Reads the command line of a command on the database, name first. What it returns does the work, as often as it is called.
 * @param all commands that there are, these among them
 * @throws {UsageError} with how it is called
 */
export function prepareCommand(
  commandLine: readonly string[],
  all: ReadonlyMap<string, CommandUsage> = COMMANDS,
): (deps: CommandDeps) => Promise<void> {
  return prepareFrom(COMMANDS, commandLine, all);
}

/** The same for any kind of command. */
export function prepareFrom<Deps>(
  commands: ReadonlyMap<string, CommandWith<Deps>>,
  [name, ...args]: readonly string[],
  all: ReadonlyMap<string, CommandUsage>,
): (deps: Deps) => Promise<void> {
  const command = commands.get(name ?? '');
  if (command === undefined) {
    const said = name === undefined ? 'which command?' : `there is no command ${name}`;
    throw new UsageError(`${said}\n${usage(undefined, all)}`);
  }
  try {
    refuseRepeated(args);
    return command.prepare(args);
  } catch (error) {
    if (!(error instanceof UsageError) && !isOfParseArgs(error)) throw error;
    throw new UsageError(`${error.message}\n${usage(name, all)}`);
  }
}

/** The same command line, prepared before, for a process that works in another directory than `cwd`. */
export function fromAnywhere([name = '', ...args]: readonly string[], cwd: string): string[] {
  return [name, ...(COMMANDS.get(name)?.fromAnywhere?.(args, cwd) ?? args)];
}

/** What the one who gives the command has to agree to first, if anything. @throws {UsageError} */
export function questionOf([name = '', ...args]: readonly string[]): string | undefined {
  return COMMANDS.get(name)?.question?.(args);
}

/** What is said where Ctrl+C has ended the command; undefined where Ctrl+C does not end it in the local cloud. */
export function stoppedText([name = '']: readonly string[]): string | undefined {
  return COMMANDS.get(name)?.stopped;
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
