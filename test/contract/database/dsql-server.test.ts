import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openOnDsqlPool } from '../../../lib/database/drivers/dsql/open-dsql.ts';
import { createEmptyPostgresDatabase } from '../../fixtures/database/databases.ts';
import { type CommitFault, openDsqlServer } from '../../fixtures/database/dsql-server.ts';

let connectionString: string;
let database: Database;
/** The faults of the next changes and commits. */
let faults: (CommitFault | null)[] = [];
beforeAll(async () => {
  connectionString = await createEmptyPostgresDatabase();
  database = openDsqlServer({ connectionString, fault: () => faults.shift() ?? null });
  await database.query('CREATE TABLE texts (id bigint PRIMARY KEY, text text)');
});
afterAll(() => database.close());
beforeEach(async () => {
  faults = [];
  await database.query('/* test */ DELETE FROM texts');
});

const KEEP =
  'INSERT INTO texts (id, text) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET text = excluded.text';
const texts = async () =>
  (await database.query<{ text: string }>('SELECT text FROM texts ORDER BY id')).rows.map(({ text }) => text);

describe('a statement outside of a transaction on Aurora DSQL', () => {
  it.each<CommitFault>(['conflict', 'closed', 'lost'])('is repeated after a fault: %s', async (fault) => {
    faults = [fault];
    await database.query(KEEP, [1, 'a']);
    expect([faults, await texts()]).toEqual([[], ['a']]);
  });

  it('fails after three attempts', async () => {
    faults = ['closed', 'closed', 'closed', 'closed'];
    await expect(database.query(KEEP, [1, 'a'])).rejects.toThrow('terminated');
    expect(faults).toEqual(['closed']);
  });

  it('is repeated if the connection was ended while it was idle', async () => {
    const broken = new pg.Pool({ connectionString, max: 1 });
    const connect = broken.connect.bind(broken);
    let ended = 0;
    const pool = new Proxy(broken, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (name !== 'connect') return typeof value === 'function' ? value.bind(target) : value;
        return async () => {
          const client = await connect();
          if (ended === 2) return client;
          ended += 1;
          await client.query('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => undefined);
          return client;
        };
      },
    });
    const reader = openOnDsqlPool(pool, {});
    expect((await reader.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    ended = 1;
    expect(await reader.transaction(async (on) => (await on.query('SELECT 2 AS two')).rows)).toEqual([
      { two: 2 },
    ]);
    expect(ended).toBe(2);
    await reader.close();
  });
});

describe('a connection to Aurora DSQL', () => {
  it('is not used for more than 55 minutes, even if no timer ran in the meantime', async () => {
    let now = Date.now();
    const reader = openOnDsqlPool(new pg.Pool({ connectionString, max: 1 }), {
      maxConnections: 1,
      now: () => now,
    });
    const process = async () =>
      (await reader.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
    const start = now;
    const first = await process();
    // The clock advances in steps of nine seconds, because a connection that was idle for longer is not used again.
    while ((await process()) === first && now < start + 3_600_000) now += 9_000;
    expect(now - start).toBeGreaterThan(49 * 60_000);
    expect(now - start).toBeLessThan(56 * 60_000);
    await reader.close();
  });
});

// The tests of the service rely on these properties of the test double.
describe('a PostgreSQL server with the rules of Aurora DSQL', () => {
  it('counts the bytes of changed and deleted rows, not only the bytes of parameters', async () => {
    await database.query(
      "INSERT INTO texts SELECT id, repeat('x', 1000000) FROM generate_series(1, 11) AS id",
    );
    const tooLarge = { message: expect.stringContaining('SQLSTATE 54000') };
    await expect(
      database.query('DELETE FROM texts WHERE id = ANY ($1)', ['{1,2,3,4,5,6,7,8,9,10,11}']),
    ).rejects.toMatchObject(tooLarge);
    await expect(
      database.query("UPDATE texts SET text = text || 'y' WHERE id = ANY ($1)", [
        '{1,2,3,4,5,6,7,8,9,10,11}',
      ]),
    ).rejects.toMatchObject(tooLarge);
    const { rowsChanged } = await database.query('DELETE FROM texts WHERE id = ANY ($1)', [
      '{1,2,3,4,5,6,7,8,9,10}',
    ]);
    expect(rowsChanged).toBe(10);
  });

  it('reports a conflict if ON CONFLICT meets a key that was deleted since the snapshot', async () => {
    await database.query(KEEP, [1, 'before']);
    let runs = 0;
    await database.transaction(async (transaction) => {
      runs += 1;
      await transaction.query('SELECT 1 FROM texts');
      if (runs === 1) await database.query('DELETE FROM texts WHERE id = $1', [1]);
      await transaction.query(KEEP, [1, `run ${runs}`]);
    });
    expect([runs, await texts()]).toEqual([2, ['run 2']]);
  });
});
