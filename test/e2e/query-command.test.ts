import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CognitoSyncClient } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { CLOUDS } from '../fixtures/local/local-cloud.ts';
import { operate } from '../fixtures/local/operator.ts';
import { createSyncClient, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

const HOSTILE = 'a "quoted", value\nof two lines \u001b[2J';
const SELECT = 'select record_key, record_value, numeric_value from query.records order by record_key';

describe.each(CLOUDS)('the command query, $name', ({ name, open }) => {
  let dataDir: string;
  let cloud: LocalCloud;
  let client: CognitoSyncClient;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'query-'));
    cloud = await open({ dataDir });
    client = createSyncClient(cloud.url);
    await write(client, newIdentity(), 'game', [set('a', '42'), set('b', HOSTILE), set('c', '')]);
    const isProjected = async () => (await query(SELECT, '--json')).stdout.includes('"c"');
    await vi.waitUntil(isProjected, { timeout: 20_000, interval: 100 });
  });
  afterAll(async () => {
    client.destroy();
    await cloud.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const query = (...args: string[]) => operate(['query', ...args], { DATA_DIR: dataDir });

  it('prints a table', async () => {
    const { code, stdout, stderr } = await query(SELECT);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^record_key {2}record_value +numeric_value$/);
    expect(lines[1]).toMatch(/^a +42 +42$/);
    expect(lines[2]).toContain('a "quoted", value\\u000aof two lines \\u001b[2J');
    expect(lines[2]).toMatch(/NULL$/);
    expect(lines[4]).toBe('(3 rows)');
  });

  it.each(['-- one = 1\nselect 1', '--one=1\nselect 1'])(
    'runs a statement that starts with a comment: %j',
    async (sql) => {
      expect(await query('--csv', sql)).toMatchObject({ code: 0, stderr: '', stdout: '?column?\r\n1\r\n' });
    },
  );

  it('prints JSON and CSV with the exact values', async () => {
    const json = JSON.parse((await query(SELECT, '--json')).stdout);
    expect(json).toMatchObject({ truncated: false, columns: [{ name: 'record_key', type: 'text' }, {}, {}] });
    expect(json.rows).toEqual([
      ['a', '42', '42'],
      ['b', HOSTILE, null],
      ['c', '', null],
    ]);
    const csv = (await query(SELECT, '--csv')).stdout;
    expect(csv).toBe(
      `record_key,record_value,numeric_value\r\na,42,42\r\nb,"${HOSTILE.replaceAll('"', '""')}",\r\nc,"",\r\n`,
    );
  });

  it('prints at most as many rows as --max-rows allows, and says that there are more', async () => {
    const limited = await query('select generate_series(1, 1000000)', '--max-rows', '2');
    expect(limited.stdout).toMatch(/\(2 rows; there are more, use --max-rows above 2\)\n$/);
    const json = await query('select 1 union all select 2', '--max-rows', '1', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ rows: [['1']], truncated: true });
  });

  it.each([
    ['writes', 'delete from projection.records'],
    ['is invalid', 'selec 1'],
    ['reads a private table', 'select payload from projection.quarantine'],
    ['consists of several statements', 'select 1; select 2'],
  ])('rejects a statement that %s', async (_, sql) => {
    const { code, stdout, stderr } = await query(sql);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('the statement failed: ');
    expect((await query('select count(*) from query.records', '--json')).stdout).toContain('[["3"]]');
  });

  it.runIf(name === 'PostgreSQL')('reads the server of DATABASE_URL without a data directory', async () => {
    const on = await operate(['query', 'select 6 * 7 as answer', '--csv'], { DATABASE_URL: cloud.sqlUrl });
    expect(on).toEqual({ code: 0, stdout: 'answer\r\n42\r\n', stderr: '' });
  });
});
