import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareCommand } from '../../../infra/cli/run-command.ts';
import type { Database } from '../../../lib/database/database.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { commandDeps } from '../../fixtures/local/command-deps.ts';

const POOL = 'us-east-1:11111111-1111-4111-8111-111111111111';
const OTHER_POOL = 'us-east-1:22222222-2222-4222-8222-222222222222';
const UNKNOWN_POOL = 'us-east-1:33333333-3333-4333-8333-333333333333';
const CONFLICTS = 1_201;

describe.each(DATABASES)('move conflicts on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
    await database.query(
      `INSERT INTO move.conflicts (conflict_id, identity_pool_id, identity_id, dataset_name, record_key, kind, winner,
         here_ms, there_ms, decided_ms)
       SELECT md5(n::text)::uuid, $1, 'us-east-1:ada', 'game', CASE WHEN n > 1 THEN 'key' || n END, 'changed',
         CASE WHEN n > 1 THEN 'there' ELSE 'here' END, 1000, NULL, n / 3
       FROM generate_series(1, ${CONFLICTS}) AS n`,
      [POOL],
    );
    for (const pool of [POOL, OTHER_POOL])
      await database.query(
        `INSERT INTO move.pools (identity_pool_id, origin, run_ms, progress) VALUES ($1, 'origin', 0, '{}')`,
        [pool],
      );
  });
  afterAll(() => database.close());

  async function linesOf(...args: string[]): Promise<string[]> {
    const lines: string[] = [];
    await (await prepareCommand(['move', 'conflicts', ...args]))(
      commandDeps({ database, print: (line) => void lines.push(line) }),
    );
    return lines;
  }

  it('lists all conflicts of a pool, oldest first', async () => {
    const lines = await linesOf('--pool', POOL);
    expect(lines).toHaveLength(CONFLICTS);
    expect(lines.filter((line) => line.includes('the whole dataset'))).toEqual([
      expect.stringContaining(
        'us-east-1:ada game the whole dataset: changed, kept the value of this service',
      ),
    ]);
    expect(lines.at(-1)).toContain("kept the origin's value");
    expect(await linesOf('--pool', OTHER_POOL)).toEqual([`${OTHER_POOL}: no conflicts`]);
  });

  it('writes one JSON object with a list', async () => {
    const list = async (pool: string): Promise<{ conflicts: { key: string | null }[] }> => {
      let written = '';
      const write = async (text: string) => {
        written += text;
      };
      await (await prepareCommand(['move', 'conflicts', '--pool', pool, '--json']))(
        commandDeps({ database, write }),
      );
      expect(written.indexOf('\n')).toBe(written.length - 1);
      return JSON.parse(written);
    };
    const { conflicts } = await list(POOL);
    expect(new Set(conflicts.map(({ key }) => key)).size).toBe(CONFLICTS);
    expect(conflicts.find(({ key }) => key === null)).toEqual({
      identityId: 'us-east-1:ada',
      datasetName: 'game',
      key: null,
      kind: 'changed',
      winner: 'here',
      here: '1970-01-01T00:00:01.000Z',
      there: null,
      decidedAt: '1970-01-01T00:00:00.000Z',
    });
    expect(await list(OTHER_POOL)).toEqual({ identityPoolId: OTHER_POOL, conflicts: [] });
  });

  it('reports a pool that was never copied', async () => {
    for (const form of [[], ['--json']])
      await expect(linesOf('--pool', UNKNOWN_POOL, ...form)).rejects.toThrow(
        `${UNKNOWN_POOL} was never copied`,
      );
  });
});
