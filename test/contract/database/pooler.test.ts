import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { migrate } from '../../../lib/database/schema/migrate.ts';
import { allowReaderRole } from '../../../lib/database/schema/roles.ts';
import { createOptionalIndexes } from '../../../lib/projection/store/optional-indexes.ts';
import { isMissing } from '../../clients/optional-program.ts';
import { createEmptyPostgresDatabase } from '../../fixtures/database/databases.ts';
import { startPgBouncer } from '../../fixtures/database/pgbouncer.ts';
import { type Pooler, type PoolMode, startPoolerDouble } from '../../fixtures/database/pooler-double.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { wireEvent } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';
import { projectInline, readVisible } from '../../property/projection-database.ts';

const POOLERS = [
  { name: 'a double of PgBouncer', start: startPoolerDouble },
  { name: 'PgBouncer', start: startPgBouncer },
];
if (isMissing('a database behind the real PgBouncer', 'pgbouncer', '--version')) POOLERS.pop();
const MODES: PoolMode[] = ['session', 'transaction'];
const CASES = POOLERS.flatMap((pooler) => MODES.map((mode) => ({ ...pooler, mode })));

/**
 * Whether another client can change a row shortly after the client of a transaction that changed it has stopped. The
 * timers of the process stop too, so only the server can end the transaction.
 */
async function isRowFreed(url: string): Promise<boolean> {
  const stopped = openPg({ connectionString: url, maxConnections: 1, statementTimeoutMs: 300 });
  const other = openPg({ connectionString: url, maxConnections: 1, lockTimeoutMs: 5_000 });
  await other.query('CREATE TABLE rows (id bigint)');
  await other.query('INSERT INTO rows VALUES (1)');
  const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const transaction = stopped.transaction(async (on) => {
    await on.query('UPDATE rows SET id = 2');
    begun.resolve();
    await end.promise;
  });
  await begun.promise;
  const update = other.query('UPDATE rows SET id = 3 WHERE id = 1');
  const isFreed = await update.then(
    ({ rowsChanged }) => rowsChanged === 1,
    () => false,
  );
  vi.useRealTimers();
  end.resolve();
  await expect(transaction).rejects.toThrow();
  await Promise.all([stopped.close(), other.close()]);
  return isFreed;
}

afterEach(() => void vi.useRealTimers());

describe.each(CASES)('a database behind $name with $mode pooling', ({ start, mode }) => {
  let pooler: Pooler;
  let database: Database;
  beforeAll(async () => {
    pooler = await start(await createEmptyPostgresDatabase(), mode);
    database = openPg({ connectionString: pooler.url });
    await migrate(database);
  });
  afterAll(async () => {
    await database.close();
    await pooler.close();
  });

  it('is opened without the startup parameter for a timeout, which the pooler would reject', async () => {
    const client = new pg.Client({ connectionString: pooler.url, statement_timeout: 1_000 });
    client.on('error', () => undefined);
    await expect(client.connect()).rejects.toThrow('unsupported startup parameter: statement_timeout');
    expect((await database.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('answers all statements, in sequence and concurrently', async () => {
    const ask = async (n: number) =>
      (await database.query<{ n: number }>('SELECT $1::integer AS n', [n])).rows[0]?.n;
    const numbers = Array.from({ length: 60 }, (_, n) => n);
    for (const n of numbers) expect(await ask(n)).toBe(n);
    expect(await Promise.all(numbers.map(ask))).toEqual(numbers);
  });

  it('commits and rolls back transactions', async () => {
    await database.query('CREATE TABLE numbers (id bigint PRIMARY KEY)');
    const insert = (id: number, work: () => void = () => undefined) =>
      database.transaction(async (transaction) => {
        await transaction.query('INSERT INTO numbers VALUES ($1)', [id]);
        work();
      });
    const failed = insert(2, () => {
      throw new Error('mistake');
    });
    await Promise.all([insert(1), expect(failed).rejects.toThrow('mistake'), insert(3)]);
    await expect(insert(3)).rejects.toMatchObject({ code: '23505' });
    expect((await database.query('SELECT id FROM numbers ORDER BY id')).rows).toEqual([{ id: 1 }, { id: 3 }]);
  });

  it('cancels a slow statement, without setting a timeout for other clients of the pooler', async () => {
    const hasty = openPg({ connectionString: pooler.url, maxConnections: 1, statementTimeoutMs: 300 });
    const slow = [
      hasty.query('SELECT pg_sleep(20)'),
      hasty.query('SELECT pg_sleep($1)', [20]),
      hasty.transaction((transaction) => transaction.query('SELECT pg_sleep(20)')),
    ];
    for (const statement of slow) await expect(statement).rejects.toMatchObject({ code: '57014' });
    expect((await hasty.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '300ms' }]);
    await hasty.close();
    const others = Array.from({ length: 4 }, () => new pg.Client({ connectionString: pooler.url }));
    for (const other of others) {
      await other.connect();
      expect((await other.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '0' }]);
    }
    for (const other of others) await other.end();
  });

  it('ends a transaction whose client has stopped', async () => {
    expect(await isRowFreed(pooler.url)).toBe(true);
  });

  it('runs a statement that cannot run in a transaction', async () => {
    expect(await createOptionalIndexes(database).add('numeric')).toBe(true);
  });

  it('runs later statements as its own user after `allowReaderRole` has used the role of readers', async () => {
    await allowReaderRole(database);
    const users = Array.from({ length: 20 }, () =>
      database.query('SELECT current_user = session_user AS own'),
    );
    for (const { rows } of await Promise.all(users)) expect(rows).toEqual([{ own: true }]);
  });

  it('can be used by the sync API and by the projection', async () => {
    await createPool(database);
    const device = createDevice(createSyncService(database).operations);
    await device.update(put('score', '42'));
    expect((await device.list()).Records).toMatchObject([{ Key: 'score', Value: '42' }]);
    expect(await projectInline(database, [JSON.stringify(wireEvent())])).toMatchObject({
      recordsChanged: 1,
      quarantined: 0,
    });
    expect(Object.keys((await readVisible(database)).records)).toHaveLength(1);
  });
});

it('the test double of the pooler runs statements of one client on different server connections in transaction mode', async () => {
  const pooler = await startPoolerDouble(await createEmptyPostgresDatabase(), 'transaction');
  const database = openPg({ connectionString: pooler.url, maxConnections: 1 });
  const processes = new Set();
  for (let n = 0; n < 4; n += 1) {
    const { rows } = await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid WHERE $1', [true]);
    processes.add(rows[0]?.pid);
  }
  expect(processes.size).toBe(4);
  await database.close();
  await pooler.close();
});

describe('a database without a pooler', () => {
  it('ends a transaction whose client has stopped', async () => {
    expect(await isRowFreed(await createEmptyPostgresDatabase())).toBe(true);
  });

  it('keeps the timeout and the prepared statements of a connection', async () => {
    const database = openPg({
      connectionString: await createEmptyPostgresDatabase(),
      maxConnections: 1,
      statementTimeoutMs: 1_234,
    });
    await database.query('SELECT $1::integer', [1]);
    const { rows } = await database.query(
      `SELECT current_setting('statement_timeout') AS timeout, statement FROM pg_prepared_statements
       WHERE statement LIKE $1`,
      ['SELECT $1::integer'],
    );
    expect(rows).toEqual([{ timeout: '1234ms', statement: 'SELECT $1::integer' }]);
    await database.close();
  });
});
