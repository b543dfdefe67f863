import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareCommand } from '../../../infra/cli/run-command.ts';
import type { Database } from '../../../lib/database/database.ts';
import { DEFAULT_LIMITS } from '../../../lib/sync/limits.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { commandDeps } from '../../fixtures/local/command-deps.ts';
import { listingOf, scriptedOrigin } from '../move/scripted-origin.ts';

/** With these limits, each dataset with two rows is a problem. */
const LIMITS = { ...DEFAULT_LIMITS, datasetsPerIdentity: 2_000, rowsPerDataset: 1 };

describe('the problems that a move command reports', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());

  /** Prepares a pool at the origin whose only identity has this many datasets. @returns a function that runs a command */
  function poolWith(datasets: number) {
    const [pool, identityId] = [`us-east-1:${randomUUID()}`, `us-east-1:${randomUUID()}`];
    const names = Array.from({ length: datasets }, (_, index) => `d${index}`);
    const origin = scriptedOrigin(pool, {
      [identityId]: Object.fromEntries(names.map((name) => [name, listingOf(1, 2)])),
    });
    return async (command: string, ...more: string[]) => {
      const lines: string[] = [];
      const deps = commandDeps({
        database,
        openOrigin: async () => origin,
        readLimits: () => LIMITS,
        print: (line) => void lines.push(line),
      });
      await (await prepareCommand(['move', command, '--pool', pool, '--rate', '1000', ...more]))(deps);
      return { lines, identityId };
    };
  }

  it('are named up to 1,000 with --json', async () => {
    const run = poolWith(1_010);
    for (const [command, member] of [
      ['copy', 'skippedItems'],
      ['take-over', 'problems'],
    ] as const) {
      const { lines, identityId } = await run(command, '--json');
      const { [member]: problems } = JSON.parse(lines[0] ?? '');
      const names = problems.map(({ datasetName }: { datasetName: string }) => datasetName);
      expect(new Set(names).size).toBe(1_000);
      expect(problems[0]).toEqual({ identityId, datasetName: 'd0', reason: 'above-limits' });
    }
  }, 60_000);

  it('are named up to 20 without --json, with the number of the others', async () => {
    const run = poolWith(25);
    for (const command of ['copy', 'take-over']) {
      const { lines, identityId } = await run(command);
      expect(lines.filter((line) => line.startsWith(`  above-limits: ${identityId} d`))).toHaveLength(20);
      expect(lines).toContain('  and 5 more (see --json)');
    }
  });
});
