import type { OperatedService } from '../../lib/backfill/operated-service.ts';
import type { Environment } from '../../lib/common/environment.ts';
import type { Database } from '../../lib/database/database.ts';
import type { FetchPayload } from '../../lib/stream/payload.ts';

/** How far a command has come. Of several, the last one counts. */
export interface Progress {
  /** In one line. */
  text: string;
  /** Where it can be told how much there is. */
  share?: { done: number; total: number };
}

/** What a command works with. */
export interface CommandDeps {
  database: Database;
  /** For events whose records lie behind a URL. */
  fetchPayload: FetchPayload;
  /**
   * The Cognito Sync service with its streams. Whoever opens it closes it.
   * @param identityPoolId the pool in question, whose id begins with its region
   * @throws {SetupError} nobody said where it is
   */
  openService: (identityPoolId?: string) => Promise<OperatedService>;
  /** Says one line to the one who gave the command. */
  print: (line: string) => void;
  progress: (progress: Progress) => void;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Aborted where the one who gave the command has gone, as far as the command is to end by that. */
  signal: AbortSignal;
}

/** How a command is called. */
export interface CommandUsage {
  /** What it does, in one line. */
  summary: string;
  /** How it is called, a line each. */
  usage: readonly string[];
}

/** A command of the operator's command line, which works with `Deps`. */
export interface CommandWith<Deps> extends CommandUsage {
  /**
   * Reads the arguments, before anything is opened.
   *
   * @returns the work itself; throws {SetupError} for what the operator can mend
   * @throws {UsageError} the arguments make no sense; so do errors of `parseArgs`
   */
  prepare(args: string[]): (deps: Deps) => Promise<void>;
}

/** One that works on the database. It knows neither process nor environment: it may run in the local cloud. */
export interface Command extends CommandWith<CommandDeps> {
  /**
   * The same arguments for a process that works in another directory than `cwd`; absent where none is a path.
   * @throws as `prepare` does
   */
  fromAnywhere?(args: string[], cwd: string): string[];
  /**
   * What is asked of the one who gives the command before it is done; undefined where nothing is, by these arguments.
   * @throws as `prepare` does
   */
  question?(args: string[]): string | undefined;
  /** What is said where Ctrl+C has ended it; absent where the local cloud goes on with it all the same. */
  stopped?: string;
}

/** The command line makes no sense. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/**
 * Asks the one who gave the command whether to go on. What is not a clear yes is a no.
 *
 * @throws {SetupError} the answer is no
 * @throws {UsageError} there is nobody to be asked
 */
export type Confirm = (question: string) => Promise<void>;

/** What a command works with that needs no database of ours: it runs in this process, never in the local cloud. */
export interface ProcessDeps extends Pick<CommandDeps, 'openService' | 'print'> {
  env: Environment;
  stdin: AsyncIterable<string | Buffer>;
  /** Of the terminal; undefined where what is said goes to none. */
  columns: number | undefined;
  confirm: Confirm;
}

export type ProcessCommand = CommandWith<ProcessDeps>;
