import { resolve } from 'node:path';
import { DEFAULT_DATA_DIR, readLogFormat, requireLogLevel } from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { fullDiskText, isFullDisk } from '../../lib/database/full-disk.ts';
import { onBrokenPipe } from '../cli/broken-pipe.ts';
import { describeDrain } from './http/drain.ts';
import { readLocalConfig } from './local-config.ts';
import { readyBox } from './ready-box.ts';
import { type LocalCloud, startLocalCloud } from './start-local-cloud.ts';

/** Time for which a stopping process waits until the requests in flight are answered. A sync trigger can take 5 s. */
const DRAIN_TIMEOUT_MS = 10_000;
/** Time limit for `drain`, which then waits for silent clients, for at most a second. */
const DRAINED_TIMEOUT_MS = DRAIN_TIMEOUT_MS + 1_000;
/**
 * Time limit for stopping the services after these requests, because users do not wait longer. Then the process exits,
 * and the next start retries the interrupted work.
 */
const STOP_TIMEOUT_MS = 2_000;

// All files in the data directory are private, including files that libraries create without a mode.
process.umask(0o077);

let starting: Promise<LocalCloud> | undefined;
let isStopping = false;
const { stdout, stderr } = process;
onBrokenPipe([stdout, stderr], () => void stop());

try {
  requireLogLevel(process.env);
  useLogFormat();
  const config = readLocalConfig(process.env);
  starting = startLocalCloud({ ...config, announce: say, onLost: fail });
  const cloud = await starting;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => (isStopping ? process.exit(1) : void stop()));
  }
  console.log(readyBox(cloud, config));
} catch (error) {
  fail(error);
}

/**
 * Sets the log format before any logger is created, also for the threads that inherit the environment. On a terminal,
 * log lines are readable, and metrics, which are JSON lines for CloudWatch, are not written.
 */
function useLogFormat(): void {
  const format = readLogFormat(process.env, { isTerminal: process.stdout.isTTY === true });
  process.env.LOG_FORMAT = format;
  if (format === 'pretty') process.env.POWERTOOLS_METRICS_DISABLED ??= 'true';
}

function say(line: string): void {
  console.log(`cognito-sync-backend: ${line}`);
}

/** Stops the process. A second signal ends it immediately. */
async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  setTimeout(() => process.exit(0), DRAINED_TIMEOUT_MS + STOP_TIMEOUT_MS).unref();
  try {
    const cloud = await starting;
    if (cloud !== undefined) {
      say(describeDrain(await cloud.drain(DRAIN_TIMEOUT_MS), DRAIN_TIMEOUT_MS));
      setTimeout(() => process.exit(0), STOP_TIMEOUT_MS).unref();
      await cloud.close();
    }
    process.exit(0);
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
}

function fail(error: unknown): void {
  const { DATA_DIR: dataDir = DEFAULT_DATA_DIR } = process.env;
  const text = isFullDisk(error) ? fullDiskText(resolve(dataDir)) : undefined;
  const message = error instanceof SetupError ? error.message : text;
  console.error(message === undefined ? error : `cognito-sync-backend: ${message}`);
  process.exit(1);
}
