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

/** `npx cognito-sync-backend <command>`: works on the database that the environment names, or on none. */
const commandLine = process.argv.slice(2);
const [name = ''] = commandLine;
const confirm = createConfirm({ input: process.stdin, output: process.stderr });
// What a command says may be piped, how far it has come is for whoever watches.
const view = createProgressView({ output: process.stderr, now: Date.now });
const say = console.log;
if (commandLine.some((argument) => argument === '--help' || argument === '-h')) {
  say(usage(name, ALL_COMMANDS));
} else {
  const run = PROCESS_COMMANDS.has(name) ? runHere : runOnDatabase;
  const { exitCode, error } = await run(process.env);
  view.clear();
  if (error !== undefined) console.error(toSafeError(error, exitCode));
  process.exitCode = exitCode;
}

/** How a command is called takes several lines. All else is one, whatever stands in what is quoted. */
function toSafeError(error: string, exitCode: Outcome['exitCode']): string {
  const lines = exitCode === 2 ? error.split('\n') : [error];
  return `cognito-sync-backend: ${lines.map(toSafeLine).join('\n')}`;
}

function print(line: string): void {
  view.clear();
  say(line);
}

function runHere(env: Environment): Promise<Outcome> {
  // What the user's own code prints is not what the command says, which may be piped.
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
function signalOfCommand(): AbortSignal {
  const stop = new AbortController();
  if (stoppedText(commandLine) !== undefined) process.once('SIGINT', () => stop.abort());
  return stop.signal;
}
