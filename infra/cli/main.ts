import { Console } from 'node:console';
import { createPayloadFetch } from '../../lib/aws/payload-fetch.ts';
import type { OperatedService } from '../../lib/backfill/operated-service.ts';
import { DEFAULT_DATA_DIR, type Environment, readRegion } from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { readPayloadPolicy } from '../../lib/common/function-settings.ts';
import { toSafeLine } from '../../lib/common/text.ts';
import { readDatabaseIfAny } from '../../lib/database/database-address.ts';
import { ALL_COMMANDS, PROCESS_COMMANDS } from './commands.ts';
import { openService } from './open-service.ts';
import { DONE, type Outcome, outcomeOf, prepareFrom, stoppedText } from './run-command.ts';
import { runOperatorCommand } from './run-operator-command.ts';
import { createConfirm } from './terminal/confirm.ts';
import { createProgressView } from './terminal/progress-view.ts';
import { usage } from './usage.ts';

/** `npx cognito-sync-backend <command>`: runs a command. One that needs a database uses the one that the environment names. */
const commandLine = process.argv.slice(2);
const [name = ''] = commandLine;
const confirm = createConfirm({ input: process.stdin, output: process.stderr });
// Standard output may be piped, so progress goes to standard error.
const view = createProgressView({ output: process.stderr, now: Date.now });
const writeLine = console.log;
if (commandLine.some((argument) => argument === '--help' || argument === '-h')) {
  writeLine(usage(name, ALL_COMMANDS));
} else {
  const run = PROCESS_COMMANDS.has(name) ? runInProcess : runOnDatabase;
  const { exitCode, error } = await run(process.env);
  view.clear();
  if (error !== undefined) console.error(toSafeError(error, exitCode));
  process.exitCode = exitCode;
}

/** A usage error has several lines. Any other error is printed as one line, even if it quotes text with line breaks. */
function toSafeError(error: string, exitCode: Outcome['exitCode']): string {
  const lines = exitCode === 2 ? error.split('\n') : [error];
  return `cognito-sync-backend: ${lines.map(toSafeLine).join('\n')}`;
}

function print(line: string): void {
  view.clear();
  writeLine(line);
}

function runInProcess(env: Environment): Promise<Outcome> {
  // Output of the user's own code goes to standard error, because standard output may be piped.
  globalThis.console = new Console(process.stderr);
  return outcomeOf(async () => {
    const work = prepareFrom(PROCESS_COMMANDS, commandLine, ALL_COMMANDS);
    await work({
      env,
      stdin: process.stdin,
      print,
      columns: process.stdout.columns,
      confirm,
      openService: (identityPoolId) => openService(env, identityPoolId),
    });
    return DONE;
  });
}

async function runOnDatabase(env: Environment): Promise<Outcome> {
  try {
    // The region is determined as for `npm start`; a command needs none of its other variables.
    const region = readRegion(env);
    const policy = readPayloadPolicy({ ...env, AWS_REGION: region });
    return await runOperatorCommand(commandLine, {
      address: readDatabaseIfAny(env),
      dataDir: env.DATA_DIR || DEFAULT_DATA_DIR,
      confirm,
      deps: {
        fetchPayload: createPayloadFetch({ policy, now: Date.now }),
        openService: (identityPoolId) => openDatabaseService(env, identityPoolId),
        print,
        progress: view.show,
        now: Date.now,
        signal: signalOfCommand(),
      },
    });
  } catch (error) {
    if (error instanceof SetupError) return { exitCode: 1, error: error.message };
    throw error;
  }
}

/** Only a local cloud streams into an embedded database, so Amazon's service is never the default for one. */
async function openDatabaseService(
  env: Environment,
  identityPoolId: string | undefined,
): Promise<OperatedService> {
  if (readDatabaseIfAny(env) === undefined && !env.AWS_ENDPOINT_URL) {
    throw new SetupError(
      "the local cloud is not running on this data directory; start it with `npm start`, or set DATABASE_URL, DATABASE_SECRET or DSQL_ENDPOINT, and AWS_ENDPOINT_URL unless the service is Amazon's",
    );
  }
  return openService(env, identityPoolId);
}

/**
 * Returns the signal for Ctrl+C. The first Ctrl+C stops a command in an orderly way if the command supports that; the
 * second one ends the process immediately. For any other command, the first one ends the process.
 */
function signalOfCommand(): AbortSignal {
  const stop = new AbortController();
  if (stoppedText(commandLine) !== undefined) process.once('SIGINT', () => stop.abort());
  return stop.signal;
}
