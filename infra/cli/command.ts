import type { OperatedService } from '../../lib/backfill/ports/operated-service.ts';
import type { Environment } from '../../lib/common/environment.ts';
import type { Database } from '../../lib/database/database.ts';
import type { SqlReader } from '../../lib/database/read-sql.ts';
import type { ProviderState } from '../../lib/identity/logins/verify-logins.ts';
import type { IdentityPoolDescription } from '../../lib/identity/model.ts';
import type { Origin } from '../../lib/move/ports/origin.ts';
import type { FetchPayload } from '../../lib/stream/ports/fetch-payload.ts';
import type { Offloading } from '../../lib/sync/build-stream-event.ts';
import type { Limits } from '../../lib/sync/limits.ts';

/** Progress of a command. Each report replaces the previous one. */
export interface Progress {
  /** The progress as one line of text. */
  text: string;
  /** The finished part of the work, for a progress bar. Absent if the total is unknown. */
  share?: { done: number; total: number };
}

/** The dependencies of a command. */
export interface CommandDeps {
  database: Database;
  /**
   * The same database, for writes of records of the query store. On a server, its statements have the timeouts of the
   * service; those of `database` can take hours, and the feed of changes would wait for them.
   */
  projection: Database;
  /** Runs the operator's own SQL, with the rights of the role `query_reader`. */
  queries: SqlReader;
  /** Absolute path of the data directory. It need not exist. */
  dataDir: string;
  /**
   * Whether the service signs tokens with the key file in `dataDir`, not with keys of SERVICE_KEYS.
   * @throws {SetupError} SERVICE_KEYS is invalid
   */
  usesTokenKeyFile: () => boolean;
  /** Fetches the records of an event that contains a URL instead of the records. */
  fetchPayload: FetchPayload;
  /**
   * Opens the Cognito Sync service and its streams. The caller must close the returned service.
   * @param identityPoolId the pool to work on; its id starts with its region
   * @throws {SetupError} the environment does not say where the service is
   */
  openService: (identityPoolId?: string) => Promise<OperatedService>;
  /**
   * Opens the service from which pools are moved (ORIGIN_ENDPOINT_URL). The caller must close it.
   * @throws {SetupError} a variable is invalid
   */
  openOrigin: (identityPoolId: string) => Promise<Origin>;
  /**
   * Reads the limits of the service.
   * @throws {SetupError} SYNC_LIMITS is invalid
   */
  readLimits: () => Limits;
  /**
   * The settings for events that are too large for the stream; null if this process cannot create links to payloads.
   */
  offloading: Offloading | null;
  /**
   * Describes the login providers that a pool accepts. Returns null if the service does not verify logins.
   * @throws {SetupError} LOGIN_PROVIDERS is invalid
   */
  describeLogins: (pool: IdentityPoolDescription) => Promise<ProviderState[] | null>;
  /** Prints one line for the operator. */
  print: (line: string) => void;
  /**
   * Writes text to standard output without adding a line break. Resolves when the reader can take more, so that the
   * output of a large export does not fill the memory.
   */
  write: (text: string) => Promise<void>;
  progress: (progress: Progress) => void;
  /** Milliseconds since 1970. */
  now: () => number;
  /**
   * Aborted when the operator's connection closes or the operator presses Ctrl+C. Never aborted for a command that
   * always runs to completion.
   */
  signal: AbortSignal;
}

/** The help text of a command. */
export interface CommandUsage {
  /** One line that says what the command does. */
  summary: string;
  /** The forms of the command, one per line. */
  usage: readonly string[];
}

/** A file or directory that the operator names and the process of the local cloud uses. */
export interface SharedPath {
  path: string;
  /** Whether the command writes it. Otherwise the command only reads it. */
  isWritten: boolean;
}

/** A command of the operator's command line. Its work needs the dependencies `Deps`. */
export interface CommandWith<Deps> {
  /** The names, without `--`, of the options that may be given more than once. */
  repeatable?: readonly string[];
  /**
   * Parses the arguments before any resource is opened.
   *
   * @returns a function that does the work; it throws {SetupError} for a problem that the operator can fix
   * @throws {UsageError} the arguments are invalid
   * @throws an error of `parseArgs`: an option is unknown or its value has the wrong type
   */
  prepare(args: string[]): (deps: Deps) => Promise<void>;
}

/**
 * A command that works on the database. It may run in the process of the local cloud, so it must not use `process` or
 * environment variables.
 */
export interface Command extends CommandWith<CommandDeps> {
  /**
   * Rewrites the arguments for the process of the local cloud, which may have another working directory: makes relative
   * paths absolute, or replaces a path by the content of its file. `cwd` is the directory where the operator runs the
   * command. Absent if no argument is a path.
   * @throws {SetupError} a file cannot be read
   * @throws as `prepare` does
   */
  fromAnywhere?(args: string[], cwd: string): string[] | Promise<string[]>;
  /**
   * Returns the file or directory that the process of the local cloud reads or writes. Undefined if these arguments have
   * no path. Absent if no argument is a path, or only the operator's own process uses the path.
   * @throws as `prepare` does
   */
  sharedPath?(args: string[]): SharedPath | undefined;
  /**
   * Returns the question that the operator must confirm before the command runs; undefined if the command asks nothing.
   * @throws as `prepare` does
   */
  question?(args: string[]): string | undefined;
  /**
   * Returns how to edit the command's text in the operator's editor, which only the operator's own process can start.
   * Undefined if these arguments need no editor. Absent if the command never edits text.
   * @throws as `prepare` does
   */
  inEditor?(args: string[]): EditorSession | undefined;
  /**
   * The message to print after Ctrl+C stopped the command. Absent if the command cannot be stopped: the local cloud
   * then runs the command to completion.
   */
  stopped?: string;
}

/** The steps of a command that edits text. */
export interface EditorSession {
  /** The command line that writes the text. */
  read: string[];
  /** Returns the command line that saves the text of a file. */
  save: (path: string) => string[];
  /** The message if the operator did not change the text. */
  unchanged: string;
}

/** The command line is invalid. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/**
 * Asks the operator whether to proceed. Any answer except a clear yes counts as no.
 *
 * @throws {SetupError} the answer is no
 * @throws {UsageError} there is no terminal to ask on
 */
export type Confirm = (question: string) => Promise<void>;

/** The dependencies of a command that needs no database. Such a command never runs in the local cloud. */
export interface ProcessDeps extends Pick<CommandDeps, 'openService' | 'print' | 'progress'> {
  env: Environment;
  stdin: AsyncIterable<string | Buffer>;
  /** Width of the terminal; undefined if the output is not a terminal. */
  columns: number | undefined;
  confirm: Confirm;
}

export type ProcessCommand = CommandWith<ProcessDeps>;
