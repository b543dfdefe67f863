import { Console } from 'node:console';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { openPayloadBucket } from '../../lib/aws/payload-bucket.ts';
import { createPayloadFetch } from '../../lib/aws/payload-fetch.ts';
import type { OperatedService } from '../../lib/backfill/ports/operated-service.ts';
import { DEFAULT_DATA_DIR, type Environment, readRegion } from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { readPayloadBucket, readPayloadPolicy } from '../../lib/common/function-settings.ts';
import { toSafeLine } from '../../lib/common/text.ts';
import { readDatabaseIfAny } from '../../lib/database/database-address.ts';
import { readOriginSettings } from '../../lib/move/read-origin-settings.ts';
import type { CommandDeps, Confirm } from './command.ts';
import { ALL_COMMANDS, PROCESS_COMMANDS } from './commands.ts';
import { createDescribeLogins } from './describe-logins.ts';
import { openService } from './open-service.ts';
import { DONE, editorSessionOf, type Outcome, outcomeOf, prepareFrom, stoppedText } from './run-command.ts';
import { runInEditor } from './run-in-editor.ts';
import { runOperatorCommand } from './run-operator-command.ts';
import { createConfirm } from './terminal/confirm.ts';
import { createProgressView } from './terminal/progress-view.ts';
import { usage } from './usage.ts';

type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** The streams and settings of a process, or a test's substitute for them. */
interface CommandTerminal {
  env: Environment;
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  stdout: Output;
  stderr: Output;
  /** Calls `stop` at the first Ctrl+C instead of ending the process. */
  onInterrupt: (stop: () => void) => void;
}

/**
 * Runs `npx cognito-sync-backend <command>`. A command that needs a database uses the database that the environment
 * variables name.
 *
 * @param commandLine the command's name and its arguments
 * @returns the exit code
 * @throws an error that the operator cannot fix
 */
export async function runCommandLine(
  commandLine: readonly string[],
  terminal: CommandTerminal,
): Promise<Outcome['exitCode']> {
  const { stdout, stderr } = terminal;
  const [name = ''] = commandLine;
  const console = new Console(stdout, stderr);
  // Standard output may be piped, so progress goes to standard error.
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
    async write(text: string) {
      view.clear();
      if (!stdout.write(text)) await once(stdout, 'drain');
    },
    progress: view.show,
  };
  const run = PROCESS_COMMANDS.has(name) ? runInProcess : runWithEditor;
  const { exitCode, error } = await run(commandLine, terminal, deps);
  view.clear();
  if (error !== undefined) console.error(toSafeError(error, exitCode));
  return exitCode;
}

/**
 * Escapes an error for the terminal. A usage error has several lines. Any other error is printed as one line, even if
 * it quotes text with line breaks.
 */
function toSafeError(error: string, exitCode: Outcome['exitCode']): string {
  const lines = exitCode === 2 ? error.split('\n') : [error];
  return `cognito-sync-backend: ${lines.map(toSafeLine).join('\n')}`;
}

type Messages = Pick<CommandDeps, 'print' | 'write' | 'progress'> & { confirm: Confirm };

async function runInProcess(
  commandLine: readonly string[],
  { env, stdin, stdout, stderr }: CommandTerminal,
  { confirm, print }: Messages,
): Promise<Outcome> {
  const before = globalThis.console;
  // Output of the user's own code goes to standard error, because standard output may be piped.
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

function runWithEditor(
  commandLine: readonly string[],
  terminal: CommandTerminal,
  messages: Messages,
): Promise<Outcome> {
  const session = editorSessionOf(commandLine);
  if (session === undefined) return runOnDatabase(commandLine, terminal, messages);
  return runInEditor(session, terminal.env, (line, more) =>
    runOnDatabase(line, terminal, { ...messages, ...more }),
  );
}

async function runOnDatabase(
  commandLine: readonly string[],
  { env, onInterrupt }: CommandTerminal,
  { confirm, print, write, progress }: Messages,
): Promise<Outcome> {
  try {
    // The region is determined as by `npm start`. The variables that only `npm start` uses are not validated.
    const region = readRegion(env);
    const policy = readPayloadPolicy({ ...env, AWS_REGION: region });
    const bucket = readPayloadBucket({ ...env, AWS_REGION: region });
    return await runOperatorCommand(commandLine, {
      address: readDatabaseIfAny(env),
      dataDir: env.DATA_DIR || DEFAULT_DATA_DIR,
      confirm,
      deps: {
        dataDir: resolve(env.DATA_DIR || DEFAULT_DATA_DIR),
        fetchPayload: createPayloadFetch({
          policy,
          bucket: bucket && openPayloadBucket({ ...bucket, now: Date.now }),
          now: Date.now,
        }),
        openService: (identityPoolId) => openDatabaseService(env, identityPoolId),
        openOrigin: async (identityPoolId) => {
          const settings = readOriginSettings(env, identityPoolId);
          // Imported on demand, because loading the AWS clients takes long.
          return (await import('../../lib/aws/origin.ts')).openOrigin(settings);
        },
        // The links of the service's payloads are signed with its keys and name its address.
        offloading: null,
        describeLogins: createDescribeLogins(env),
        print,
        write,
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

/**
 * Opens the service whose events are projected into the database. For an embedded database, this is a local cloud and
 * never Amazon's service. Without AWS_ENDPOINT_URL, no local cloud is known, so the function throws a SetupError.
 */
async function openDatabaseService(
  env: Environment,
  identityPoolId: string | undefined,
): Promise<OperatedService> {
  if (readDatabaseIfAny(env) === undefined && !env.AWS_ENDPOINT_URL) {
    throw new SetupError(
      'the local cloud is not running on this data directory; start it with `npm start`. To use another database, set DATABASE_URL, DATABASE_SECRET or DSQL_ENDPOINT; if its identity pools are not in Amazon Cognito, also set AWS_ENDPOINT_URL to their service',
    );
  }
  return openService(env, identityPoolId);
}

/**
 * Returns the signal that Ctrl+C aborts. If the command supports stopping (`stopped`), the first Ctrl+C asks the
 * command to stop, and the second Ctrl+C ends the process immediately. For any other command, the first Ctrl+C ends the
 * process.
 */
function signalOf(commandLine: readonly string[], onInterrupt: CommandTerminal['onInterrupt']): AbortSignal {
  const stop = new AbortController();
  if (stoppedText(commandLine) !== undefined) onInterrupt(() => stop.abort());
  return stop.signal;
}
