import { setTimeout as sleep } from 'node:timers/promises';
import { isObject } from '../../../lib/common/json.ts';
import { operate } from '../../fixtures/local/operator.ts';
import type { Product } from '../product.ts';
import type { DecidedConflict } from './check-population.ts';

/** The commands of a migration, as an operator runs them. */
export interface Move {
  /** Repeats `move copy` until it is complete. @returns the number of runs */
  copyUntilDone(): Promise<number>;
  takeOverAll(): Promise<void>;
  /** Returns how many datasets wait for the bridge, which keeps both sides equal, and how many of them per problem. */
  status(): Promise<{ waiting: number; problems: unknown }>;
  conflicts(): Promise<DecidedConflict[]>;
  /** @returns an empty text if both sides are equal, else the output of the command */
  verify(): Promise<string>;
}

/** If a command was killed, the next one must wait until the lease of the pool ends, after two minutes. */
const LIMIT_MS = 5 * 60_000;
const PAUSE_MS = 5_000;

export function createMove(env: Product['env'], identityPoolId: string, originUrl: string): Move {
  const run = (...args: string[]) =>
    operate(['move', ...args, '--pool', identityPoolId, '--json'], {
      ...env,
      ORIGIN_ENDPOINT_URL: originUrl,
    });
  async function repeat(...args: string[]): Promise<number> {
    const startedAt = performance.now();
    for (let runs = 1; ; runs += 1) {
      const { code, stdout, stderr } = await run(...args, '--rate', '500');
      if (code === 0) return runs;
      if (performance.now() - startedAt > LIMIT_MS)
        throw new Error(`move ${args.join(' ')} failed: ${stdout.slice(0, 2_000)} ${stderr}`);
      await sleep(PAUSE_MS);
    }
  }
  return {
    copyUntilDone: () => repeat('copy'),
    takeOverAll: async () => void (await repeat('take-over')),
    async status() {
      const { stdout } = await run('status');
      const parsed: unknown = JSON.parse(stdout);
      const pools = isObject(parsed) && Array.isArray(parsed.identityPools) ? parsed.identityPools : [];
      const [pool = {}] = pools as { bridge?: { waiting: number; problems: unknown } }[];
      return { waiting: pool.bridge?.waiting ?? 0, problems: pool.bridge?.problems };
    },
    async conflicts() {
      const { stdout } = await run('conflicts');
      return (JSON.parse(stdout) as { conflicts: DecidedConflict[] }).conflicts;
    },
    async verify() {
      const { code, stdout, stderr } = await run('verify', '--rate', '500');
      return code === 0 ? '' : `${stdout.slice(0, 2_000)} ${stderr}`;
    },
  };
}
