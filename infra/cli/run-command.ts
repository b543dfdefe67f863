import { SetupError, ValueRefusedError } from '../../lib/common/errors.ts';
import { nearestName } from '../../lib/common/nearest-name.ts';
import { DatabaseError } from '../../lib/database/database.ts';
import { refuseRepeated } from './arguments.ts';
import {
  type CommandDeps,
  type CommandUsage,
  type CommandWith,
  type EditorSession,
  type SharedPath,
  UsageError,
} from './command.ts';
import { COMMANDS, type ListedCommand } from './commands.ts';
import { usage } from './usage.ts';

/** Outcome of a command: exit code 0 (done), 1 (failed) or 2 (usage error), and the error message for the operator. */
export interface Outcome {
  exitCode: 0 | 1 | 2;
  error?: string;
}

export const DONE: Outcome = { exitCode: 0 };

/**
 * Parses the name and the arguments of a command that works on the database. The returned function does the work and
 * may be called more than once.
 * @param all the commands that the usage text lists, and that an unknown name is compared with
 * @throws {UsageError} the message includes the usage text, unless the command is unknown
 */
export function prepareCommand(
  commandLine: readonly string[],
  all: ReadonlyMap<string, CommandUsage> = COMMANDS,
): Promise<(deps: CommandDeps) => Promise<void>> {
  return prepareFrom(COMMANDS, commandLine, all);
}

/** Parses a command line as `prepareCommand` does. The given `commands` can be commands of any kind. */
export async function prepareFrom<Deps>(
  commands: ReadonlyMap<string, ListedCommand<CommandWith<Deps>>>,
  [name, ...args]: readonly string[],
  all: ReadonlyMap<string, CommandUsage>,
): Promise<(deps: Deps) => Promise<void>> {
  const command = commands.get(name ?? '');
  if (name === undefined) throw new UsageError(`no command given\n${usage(name, all)}`);
  if (command === undefined) throw new UsageError(describeUnknown(name, [...all.keys()]));
  const loaded = await command.load();
  try {
    refuseRepeated(args, loaded.repeatable);
    return loaded.prepare(args);
  } catch (error) {
    if (!(error instanceof UsageError) && !isOfParseArgs(error)) throw error;
    throw new UsageError(`${error.message}\n${usage(name, all)}`);
  }
}

/** Describes an unknown command. The usage of all commands would be so long that the first line scrolls away. */
function describeUnknown(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  return `unknown command ${name}${hint}\nrun npx cognito-sync-backend --help to list all commands`;
}

/**
 * Rewrites a valid command line that was given in the directory `cwd`, so that a process with another working directory
 * can run the command.
 */
export async function fromAnywhere([name = '', ...args]: readonly string[], cwd: string): Promise<string[]> {
  const command = await COMMANDS.get(name)?.load();
  return [name, ...((await command?.fromAnywhere?.(args, cwd)) ?? args)];
}

/** Returns the file or directory that the process of the local cloud reads or writes, if any. */
export async function sharedPathOf([name = '', ...args]: readonly string[]): Promise<SharedPath | undefined> {
  return (await COMMANDS.get(name)?.load())?.sharedPath?.(args);
}

/** Returns the question that the operator must confirm first, if any. @throws {UsageError} the arguments are invalid */
export async function questionOf([name = '', ...args]: readonly string[]): Promise<string | undefined> {
  return (await COMMANDS.get(name)?.load())?.question?.(args);
}

/** Returns how to edit the command's text; undefined if the command needs no editor or its arguments are invalid. */
export async function editorSessionOf([name = '', ...args]: readonly string[]): Promise<
  EditorSession | undefined
> {
  const command = await COMMANDS.get(name)?.load();
  try {
    return command?.inEditor?.(args);
  } catch (error) {
    if (error instanceof UsageError || isOfParseArgs(error)) return undefined;
    throw error;
  }
}

/** Returns the message to print after Ctrl+C; undefined if the command has none. */
export async function stoppedText([name = '']: readonly string[]): Promise<string | undefined> {
  return (await COMMANDS.get(name)?.load())?.stopped;
}

/** Converts errors that the operator can fix to an outcome. @throws any other error */
export async function outcomeOf(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UsageError) return { exitCode: 2, error: error.message };
    if (error instanceof SetupError) return { exitCode: 1, error: error.message };
    if (error instanceof DatabaseError || error instanceof ValueRefusedError) {
      return { exitCode: 1, error: `the database reported an error: ${error.message}` };
    }
    throw error;
  }
}

function isOfParseArgs(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}
