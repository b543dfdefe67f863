import { readFile } from 'node:fs/promises';
import { freePort } from '../fixtures/local/free-port.ts';
import { type StartedProcess, startFirst } from '../fixtures/local/npm-start.ts';

/** The program that `npm start` runs. It uses the same ports each time it is started. */
export interface Product {
  url: string;
  env: Record<string, string> & { DATA_DIR: string };
  /** Starts the program and waits until it is ready. */
  start(): Promise<void>;
  /** Sends SIGKILL to the program; its children end with it. */
  kill(): Promise<void>;
  /** Sends SIGTERM and waits for the exit. */
  stop(): Promise<void>;
  /** The running process. */
  current(): StartedProcess;
  /** Returns whether the program ended without a call of `kill` or `stop`. */
  hasCrashed(): boolean;
  /** Returns what the program printed in all ended runs, without the text that each start prints. */
  log(): string;
}

export async function createProduct(env: Product['env']): Promise<Product> {
  const fixed = { ...env, PORT: `${await freePort()}`, PG_PORT: `${await freePort()}` };
  let started: StartedProcess | undefined;
  let isExpected = true;
  let log = '';

  function current(): StartedProcess {
    if (started === undefined) throw new Error('the program was not started');
    return started;
  }
  async function end(signal: NodeJS.Signals): Promise<void> {
    isExpected = true;
    if (current().process.exitCode === null && current().process.signalCode === null) {
      await current().end(signal);
    }
    log += current()
      .output()
      .replace(/┌.*Stop with Ctrl\+C\.\n?/s, '');
  }
  process.once('exit', () => started?.process.kill('SIGKILL'));

  return {
    url: `http://127.0.0.1:${fixed.PORT}`,
    env: fixed,
    async start() {
      started = await startFirst(fixed);
      isExpected = false;
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    current,
    hasCrashed: () =>
      !isExpected && (current().process.exitCode !== null || current().process.signalCode !== null),
    log: () => log,
  };
}

/** Returns the resident memory of a process and its children in MiB; 0 if the process has ended. */
export async function residentMiB(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    const ofChildren = await Promise.all(children.split(' ').filter(Boolean).map(Number).map(residentMiB));
    const own = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    return ofChildren.reduce((sum, value) => sum + value, own);
  } catch {
    return 0;
  }
}
