import { Console } from 'node:console';
import { createPayloadFetch } from '../../lib/aws/payload-fetch.ts';
import type { OperatedService } from '../../lib/backfill/operated-service.ts';
import { DEFAULT_DATA_DIR, type Environment, readRegion } from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { readPayloadPolicy } from '../../lib/common/function-settings.ts';
import { toSafeLine } from '../../lib/common/safe-line.ts';
import { readDatabaseIfAny } from '../../lib/database/database-address.ts';
import type { CommandDeps } from './command.ts';
import { openService } from './open-service.ts';
import { ALL_COMMANDS, PROCESS_COMMANDS } from './process-commands.ts';
import { DONE, type Outcome, outcomeOf, prepareFrom, stoppedText } from './run-command.ts';
import { runOperatorCommand } from './run-operator-command.ts';
import { type Confirm, createConfirm } from './terminal/confirm.ts';
import { createProgressView } from './terminal/progress-view.ts';
import { usage } from './usage.ts';

type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** What a command line reads and writes: a process, or a test's stand-in for one. */
interface CommandTerminal {
  env: Environment;
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  stdout: Output;
  stderr: Output;
  /** Calls `stop` at the first Ctrl+C, in place of ending the process. */
  onInterrupt: (stop: () => void) => void;
}

/**
 * Runs `npx cognito-sync-backend <command>` on the database that the environment names, or on none.
 *
 * @param commandLine name of the command first
 * @returns the exit code
 * @throws what the operator can do nothing about
 */
export async function runCommandLine(
  commandLine: readonly string[],
  terminal: CommandTerminal,
): Promise<Outcome['exitCode']> {
  const { stdout, stderr } = terminal;
  const [name = ''] = commandLine;
  const console = new Console(stdout, stderr);
  // What a command says may be piped, how far it has come is for whoever watches.
  const view = createProgressView({ output: stderr, now: Date.now });
  if (commandLine.some((argument) => argument === '--help' || argument === '-h')) {
    console.log(usage(name, ALL_COMMANDS));
    return 0;
  }
  const deps = {
    confirm: createConfirm({ input: terminal.stdin, output: stderr }),
    print(line: string) {
      view.clear();
      console.log(line);
    },
    progress: view.show,
  };
  const run = PROCESS_COMMANDS.has(name) ? runHere : runOnDatabase;
  const { exitCode, error } = await run(commandLine, terminal, deps);
  view.clear();
  if (error !== undefined) console.error(toSafeError(error, exitCode));
  return exitCode;
}

/** How a command is called takes several lines. All else is one, whatever stands in what is quoted. */
function toSafeError(error: string, exitCode: Outcome['exitCode']): string {
  const lines = exitCode === 2 ? error.split('\n') : [error];
  return `cognito-sync-backend: ${lines.map(toSafeLine).join('\n')}`;
}

type Said = Pick<CommandDeps, 'print' | 'progress'> & { confirm: Confirm };

async function runHere(
  commandLine: readonly string[],
  { env, stdin, stdout, stderr }: CommandTerminal,
  { confirm, print }: Said,
): Promise<Outcome> {
  const before = globalThis.console;
  // What the user's own code prints is not what the command says, which may be piped.
  globalThis.console = new Console(stderr);
  try {
    return await outcomeOf(async () => {
      const work = prepareFrom(PROCESS_COMMANDS, commandLine, ALL_COMMANDS);
      await work({
        env,
        stdin,
        print,
        columns: stdout.columns,
        confirm,
        openService: (identityPoolId) => openService(env, identityPoolId),
      });
      return DONE;
    });
  } finally {
    globalThis.console = before;
  }
}

async function runOnDatabase(
  commandLine: readonly string[],
  { env, onInterrupt }: CommandTerminal,
  { confirm, print, progress }: Said,
): Promise<Outcome> {
  try {
    // The region is that of `npm start`, of whose variables a command needs no other.
    const region = readRegion(env);
    const policy = readPayloadPolicy({ ...env, AWS_REGION: region });
    return await runOperatorCommand(commandLine, {
      address: readDatabaseIfAny(env),
      dataDir: env.DATA_DIR || DEFAULT_DATA_DIR,
      confirm,
      deps: {
        fetchPayload: createPayloadFetch({ policy, now: Date.now }),
        openService: (identityPoolId) => openServiceOf(env, identityPoolId),
        print,
        progress,
        now: Date.now,
        signal: signalOf(commandLine, onInterrupt),
      },
    });
  } catch (error) {
    if (error instanceof SetupError) return { exitCode: 1, error: error.message };
    throw error;
  }
}

/** What streams into an embedded database is a local cloud, never Amazon's service. */
async function openServiceOf(env: Environment, identityPoolId: string | undefined): Promise<OperatedService> {
  if (readDatabaseIfAny(env) === undefined && !env.AWS_ENDPOINT_URL) {
    throw new SetupError(
      'the local cloud does not run there; start it with `npm start`, or set DATABASE_URL, DATABASE_SECRET or DSQL_ENDPOINT and, but for Amazon, AWS_ENDPOINT_URL',
    );
  }
  return openService(env, identityPoolId);
}

/** Ctrl+C ends such a command in an orderly way, and a second one at once; any other ends with the process. */
function signalOf(commandLine: readonly string[], onInterrupt: CommandTerminal['onInterrupt']): AbortSignal {
  const stop = new AbortController();
  if (stoppedText(commandLine) !== undefined) onInterrupt(() => stop.abort());
  return stop.signal;
}
