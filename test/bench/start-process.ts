import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LocalCloudOptions } from '../../infra/local/start-local-cloud.ts';

export interface BenchProcess<Ready> {
  /** The first line that the process printed, parsed as JSON. */
  ready: Ready;
  /** Ends the standard input of the process and waits until the process has exited. */
  stop(): Promise<void>;
}

/**
 * Runs a script in a process of its own, without log lines.
 *
 * @throws {Error} the process exited before it printed a line
 */
export async function startProcess<Ready>(script: URL, argument: string): Promise<BenchProcess<Ready>> {
  const path = fileURLToPath(script);
  const child = spawn(process.execPath, [path, argument], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, POWERTOOLS_LOG_LEVEL: 'SILENT' },
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    return {
      ready: JSON.parse(line),
      async stop() {
        child.stdin.end();
        await exited;
      },
    };
  }
  throw new Error(`${path} exited before it was ready`);
}

export interface CloudOptions extends LocalCloudOptions {
  /** The number of datasets that the sync store has. */
  datasets?: number;
}

/** Starts a local cloud in a process of its own. */
export function startCloud(options: CloudOptions): Promise<BenchProcess<{ url: string; sqlUrl: string }>> {
  return startProcess(new URL('./cloud-process.ts', import.meta.url), JSON.stringify(options));
}
