import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  DEFAULT_CREDENTIALS,
  type Environment,
  readLogFormat,
  requireLogLevel,
} from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { messageOfThrown } from '../../lib/common/thrown.ts';
import { readLocalConfig } from './local-config.ts';
import { type LocalCloud, startLocalCloud } from './start-local-cloud.ts';

const USAGE = `Usage:
  npx cognito-sync-backend exec -- <command> [argument …]
      Starts a new service (empty, unless DATA_DIR is set), runs the command, stops the service, and exits with the
      exit code of the command`;
/** Exit codes if the command is not found, and if it cannot be executed, as in shells. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
/** If a signal ends the command, the exit code is this number plus the number of the signal, as in shells. */
const SIGNAL_BASE = 128;
const ANY_PORT = '0';
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/**
 * Variables that would make the command use other credentials than the service's, treat them as expired, or ignore
 * AWS_ENDPOINT_URL. AWS_SECURITY_TOKEN and AWS_DEFAULT_PROFILE are older names that boto3 still reads.
 */
const REMOVED = [
  'AWS_SESSION_TOKEN',
  'AWS_SECURITY_TOKEN',
  'AWS_CREDENTIAL_EXPIRATION',
  'AWS_PROFILE',
  'AWS_DEFAULT_PROFILE',
  'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
];
/**
 * With any of these settings, the AWS SDKs reject AWS_ENDPOINT_URL. They are disabled instead of removed, because the
 * shared configuration file can enable them too.
 */
const DISABLED = { AWS_USE_FIPS_ENDPOINT: 'false', AWS_USE_DUALSTACK_ENDPOINT: 'false' };
/**
 * An endpoint of one service takes precedence over AWS_ENDPOINT_URL.
 * Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
 */
const SERVICE_ENDPOINT = 'AWS_ENDPOINT_URL_';

process.umask(0o077);
const commandEnvironment = { ...process.env };
// The output belongs to the command, so the service prints only errors, and no metrics.
process.env.POWERTOOLS_LOG_LEVEL ??= 'ERROR';
process.env.POWERTOOLS_METRICS_DISABLED ??= 'true';
process.exit(await exec(process.argv.slice(3), commandEnvironment));

/**
 * `npx cognito-sync-backend exec -- <command>`: runs a command while a fresh service runs. The service uses free ports
 * and a temporary directory, unless PORT, PG_PORT or DATA_DIR are set. It stops before this function returns.
 *
 * @param args the arguments after `exec`
 * @returns the exit code of the command; 128 plus the number of the signal that ended it; 1 if the service cannot be
 *   started, 2 if the arguments are invalid, 126 if the command cannot be executed, 127 if it is not found
 */
async function exec([separator, command, ...args]: string[], env: Environment): Promise<number> {
  if (separator !== '--' || command === undefined) {
    const isHelp = separator === '--help' || separator === '-h';
    console[isHelp ? 'log' : 'error'](USAGE);
    return isHelp ? 0 : 2;
  }
  let pending: NodeJS.Signals | undefined;
  let child: ChildProcess | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (child === undefined) {
      // While the service starts or stops, the first signal takes effect only afterwards. The second ends this process.
      if (pending !== undefined) process.exit(codeOf(null, signal));
      pending = signal;
      // A terminal sends Ctrl+C to the command as well.
    } else if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, onSignal);
  let cloud: LocalCloud | undefined;
  try {
    cloud = await startLocalCloud(settings(env));
    if (pending !== undefined) return codeOf(null, pending);
    child = spawn(command, args, { stdio: 'inherit', env: environment(env, cloud) });
    const [code, signal] = await once(child, 'exit');
    return codeOf(code, signal);
  } catch (error) {
    if (error instanceof SetupError) console.error(`cognito-sync-backend: ${error.message}`);
    else if (isSpawnError(error)) return reportSpawnError(command, error.code);
    else throw error;
    return 1;
  } finally {
    child = undefined;
    // The exit code is that of the command, also if the service does not stop properly.
    await cloud?.close().catch((error: unknown) => {
      console.error(`cognito-sync-backend: the service did not stop properly: ${messageOfThrown(error)}`);
    });
  }
}

/** Only these settings are read: the rest of the environment is meant for the command. */
function settings(env: Environment) {
  requireLogLevel(env);
  readLogFormat(env, { isTerminal: false });
  const { PORT, PG_PORT, DATA_DIR, SYNC_RULES, AWS_REGION } = env;
  const { dataDir, ...config } = readLocalConfig({
    PORT: PORT || ANY_PORT,
    PG_PORT: PG_PORT || ANY_PORT,
    DATA_DIR,
    SYNC_RULES,
    AWS_REGION,
  });
  const announce = (line: string) => console.error(`cognito-sync-backend: ${line}`);
  const onLost = (error: SetupError) => {
    announce(error.message);
    process.exit(1);
  };
  return { ...config, announce, onLost, ...(DATA_DIR ? { dataDir } : {}) };
}

/** Returns this process's environment with the variables that the AWS SDKs and this project's commands need. */
function environment(env: Environment, { url, sqlUrl, dataDir }: LocalCloud): Record<string, string> {
  const region = env.AWS_REGION || 'us-east-1';
  const changed = {
    ...env,
    ...DISABLED,
    AWS_ENDPOINT_URL: url,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: DEFAULT_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: DEFAULT_CREDENTIALS.secretAccessKey,
    PG_PORT: new URL(sqlUrl).port,
    DATA_DIR: dataDir,
    // The app under test may listen on PORT, so PORT must not be the port of the service.
    PORT: Number(env.PORT) > 0 ? undefined : env.PORT,
  };
  // Our own compile cache would make the coverage of the command's code less precise.
  const isOurs = env.NODE_COMPILE_CACHE?.startsWith(fileURLToPath(new URL('../../', import.meta.url)));
  const removed = isOurs ? [...REMOVED, 'NODE_COMPILE_CACHE'] : REMOVED;
  const kept = Object.entries(changed).filter(
    ([name]) => !removed.includes(name) && !name.startsWith(SERVICE_ENDPOINT),
  );
  return Object.fromEntries(kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function codeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? SIGNAL_BASE + (signal === null ? 0 : constants.signals[signal]);
}

/** @returns the exit code */
function reportSpawnError(command: string, code: string): number {
  const isMissing = code === 'ENOENT';
  const advice = isMissing
    ? "check the command's name"
    : 'the file cannot be executed; check its permissions, or run it with its interpreter';
  console.error(`cognito-sync-backend: cannot run ${command}: ${code}; ${advice}`);
  return isMissing ? NOT_FOUND : NOT_EXECUTABLE;
}

function isSpawnError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'syscall' in error && String(error.syscall).startsWith('spawn');
}
