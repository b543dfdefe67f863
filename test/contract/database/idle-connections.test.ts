import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { openFromEnvironment } from '../../../lib/database/open-from-environment.ts';
import { createEmptyPostgresDatabase } from '../../fixtures/database/databases.ts';

let clock: number;
let database: Database;
let connectionString: string;
beforeEach(async () => {
  clock = 0;
  connectionString = await createEmptyPostgresDatabase();
  database = openPg({ connectionString, maxConnections: 2, now: () => clock });
});
afterEach(() => database.close());

const session = async (on = database) =>
  (await on.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;

it('a pool uses a connection again that was idle for five minutes', async () => {
  const first = await session();
  clock += 300_000;
  expect(await session()).toBe(first);
});

it('a pool opens another connection if the process was frozen for more than five minutes', async () => {
  const first = await session();
  clock += 300_001;
  const second = await session();
  expect(second).not.toBe(first);
  expect(await session()).toBe(second);
});

it('a pool does not use a connection that was closed while the process was frozen', async () => {
  const held = database.transaction(async (transaction) => {
    const { rows } = await transaction.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return [rows[0]?.pid ?? 0, (await session()) ?? 0];
  });
  const [first = 0, second = 0] = await held;
  clock += 3_600_000;
  const fresh = await session();
  expect([first, second]).not.toContain(fresh);
  const { rows } = await database.query<{ count: number }>(
    'SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid = ANY ($1::integer[])',
    [[first, second]],
  );
  expect(rows[0]?.count, 'both idle connections are closed').toBe(0);
});

it.each([
  ['ten seconds', 10_000, () => openPg({ connectionString })],
  [
    'five minutes in Lambda',
    300_000,
    () => openFromEnvironment({ DATABASE_URL: connectionString }, noSecret),
  ],
])('a pool closes an idle connection after %s', async (_time, idleMs, open) => {
  // Only these timers are fake: the pool closes idle connections with them, and pg uses them only for its timeouts.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const opened = open();
  onTestFinished(() => opened.close());
  const first = await session(opened);
  vi.advanceTimersByTime(idleMs - 1);
  expect(await session(opened)).toBe(first);
  vi.advanceTimersByTime(idleMs);
  expect(await session(opened)).not.toBe(first);
});

const noSecret = () => {
  throw new Error('no secret is used');
};
