import type { Database } from '../store/database.ts';
import type { FetchPayload } from '../stream/payload-port.ts';

/** What a command works with. */
export interface CommandDeps {
  database: Database;
  /** For events whose records lie behind a URL. */
  fetchPayload: FetchPayload;
  /** Says one line to the one who gave the command. */
  print: (line: string) => void;
  /** Milliseconds since 1970. */
  now: () => number;
}

/** A command of the operator's command line. It knows neither process nor environment: it may run in the local cloud. */
export interface Command {
  /** What it does, in one line. */
  summary: string;
  /** How it is called, a line each. */
  usage: readonly string[];
  /**
   * Reads the arguments, before any database is opened.
   *
   * @returns the work itself; throws {SetupError} for what the operator can mend
   * @throws {UsageError} the arguments make no sense; so do errors of `parseArgs`
   */
  prepare(args: string[]): (deps: CommandDeps) => Promise<void>;
  /**
   * The same arguments for a process that works in another directory than `cwd`; absent where none is a path.
   * @throws as `prepare` does
   */
  fromAnywhere?(args: string[], cwd: string): string[];
}

/** The command line makes no sense. */
export class UsageError extends Error {
  override name = 'UsageError';
}
