import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ValueRefusedError } from '../../../lib/common/errors.ts';
import { type Database, DatabaseError, type Transaction } from '../../../lib/database/database.ts';
import { openPg, type PoolOptions } from '../../../lib/database/drivers/pg/open-pg.ts';
import { openPglite } from '../../../lib/database/drivers/pglite/open-pglite.ts';
import { createEmptyPostgresDatabase, DATABASES } from '../../fixtures/database/databases.ts';
import { placeEmptyEmbeddedDatabase } from '../../fixtures/database/embedded-template.ts';

const insert = (on: Transaction, id: number) => on.query('INSERT INTO numbers (id) VALUES ($1)', [id]);

async function numbers(database: Database): Promise<number[]> {
  const { rows } = await database.query<{ id: number }>('SELECT id FROM numbers ORDER BY id');
  return rows.map(({ id }) => id);
}

it.each(DATABASES)('returns dates of any year unchanged on $name', async ({ openEmpty }) => {
  const database = await openEmpty();
  const dates = [
    '0001-01-01T00:00:00.000Z',
    '0099-12-31T23:59:59.999Z',
    '1970-01-01T00:00:00.000Z',
    '9999-12-31T23:59:59.999Z',
  ];
  for (const date of dates) {
    const { rows } = await database.query('SELECT $1::timestamptz AS date', [new Date(date)]);
    expect(rows).toEqual([{ date: new Date(date) }]);
  }
  await database.close();
});

describe.each(DATABASES)('a transaction on $name', ({ openEmpty }) => {
  let database: Database;
  beforeAll(async () => {
    database = await openEmpty();
    await database.query('CREATE TABLE numbers (id bigint PRIMARY KEY)');
  });
  afterAll(() => database.close());
  beforeEach(() => database.query('DELETE FROM numbers'));

  it('commits when its work resolves, and returns the result', async () => {
    const result = await database.transaction(async (transaction) => {
      await insert(transaction, 1);
      await insert(transaction, 2);
      return (await transaction.query<{ id: number }>('SELECT id FROM numbers ORDER BY id')).rows;
    });
    expect(result).toEqual([{ id: 1 }, { id: 2 }]);
    expect(await numbers(database)).toEqual([1, 2]);
  });

  it('rolls back when its work rejects, and rejects with that error', async () => {
    const workError = new Error('of the work');
    const transaction = database.transaction(async (on) => {
      await insert(on, 1);
      throw workError;
    });
    await expect(transaction).rejects.toBe(workError);
    expect(await numbers(database)).toEqual([]);
  });

  it('rolls back when a statement fails, even if the work ignores the error', async () => {
    const transaction = database.transaction(async (on) => {
      await insert(on, 1);
      await insert(on, 1).catch(() => undefined);
    });
    await expect(transaction).rejects.toMatchObject({ name: 'DatabaseError', code: '23505' });
    expect(await numbers(database)).toEqual([]);
  });

  it('reports a value that can never be stored as ValueRefusedError', async () => {
    await expect(database.transaction((on) => on.query("SELECT 'x'::bigint"))).rejects.toThrow(
      ValueRefusedError,
    );
  });

  it('rejects statements after its end', async () => {
    let late: Transaction | undefined;
    await database.transaction(async (transaction) => {
      late = transaction;
    });
    await expect(late && insert(late, 1)).rejects.toThrow(DatabaseError);
    expect(await numbers(database)).toEqual([]);
  });

  it('does not include statements from outside the transaction', async () => {
    const inside = Promise.withResolvers<void>();
    const transaction = database.transaction(async (on) => {
      await insert(on, 1);
      inside.resolve();
      await sleep(50);
      throw new Error('taken back');
    });
    const outcome = expect(transaction).rejects.toThrow('taken back');
    await inside.promise;
    await insert(database, 2);
    await outcome;
    expect(await numbers(database)).toEqual([2]);
  });

  it('loses no update when many transactions run concurrently', async () => {
    await insert(database, 0);
    await Promise.all(
      Array.from({ length: 12 }, () =>
        database.transaction(async (on) => {
          const { rows } = await on.query<{ id: number }>('SELECT id FROM numbers FOR UPDATE');
          await on.query('UPDATE numbers SET id = $1', [(rows[0]?.id ?? 0) + 1]);
        }),
      ),
    );
    expect(await numbers(database)).toEqual([12]);
  });
});

describe.each([
  {
    name: 'embedded',
    async open() {
      const directory = await mkdtemp(join(tmpdir(), 'embedded-'));
      const dataDir = join(directory, 'database');
      await placeEmptyEmbeddedDatabase(dataDir);
      const database: Database = await openPglite({ dataDir, statementTimeoutMs: 1_000 });
      return { database, remove: () => rm(directory, { recursive: true, force: true }) };
    },
  },
  {
    name: 'PostgreSQL',
    async open() {
      const connectionString = await createEmptyPostgresDatabase();
      const database: Database = openPg({ connectionString, maxConnections: 1, statementTimeoutMs: 1_000 });
      return { database, remove: async () => undefined };
    },
  },
])('a transaction that takes too long on $name', ({ open }) => {
  it('is cancelled and rolled back, and later statements run', async () => {
    const { database, remove } = await open();
    try {
      await database.query('CREATE TABLE numbers (id bigint PRIMARY KEY)');
      let late: Transaction | undefined;
      const endless = database.transaction(async (transaction) => {
        late = transaction;
        await insert(transaction, 1);
        await new Promise(() => undefined);
      });
      await expect(endless).rejects.toMatchObject({ code: '57014' });
      await insert(database, 2);
      await expect(late && insert(late, 3)).rejects.toThrow(DatabaseError);
      const slow = database.transaction((on) => on.query('SELECT pg_sleep(3)'));
      await expect(slow).rejects.toMatchObject({ code: '57014' });
      expect(await numbers(database)).toEqual([2]);
    } finally {
      await database.close();
      await remove();
    }
  });
});

it('a transaction runs again completely when PostgreSQL reports a serialization failure', async () => {
  const database = openPg({ connectionString: await createEmptyPostgresDatabase() });
  try {
    await database.query('CREATE TABLE numbers (id bigint PRIMARY KEY)');
    let attempts = 0;
    await database.transaction(async (on) => {
      attempts += 1;
      await insert(on, attempts);
      if (attempts < 3) await on.query("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$");
    });
    expect(await numbers(database)).toEqual([3]);
  } finally {
    await database.close();
  }
});

it('a transaction fails if its connection breaks; the next transaction gets a new connection', async () => {
  const database = openPg({ connectionString: await createEmptyPostgresDatabase() });
  try {
    await database.query('CREATE TABLE numbers (id bigint PRIMARY KEY)');
    const broken = database.transaction(async (on) => {
      await insert(on, 1);
      const { rows } = await on.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await database.query('SELECT pg_terminate_backend($1::integer)', [rows[0]?.pid ?? 0]);
      await sleep(50);
      await insert(on, 2);
    });
    await expect(broken).rejects.toThrow(DatabaseError);
    await database.transaction((on) => insert(on, 3));
    expect(await numbers(database)).toEqual([3]);
  } finally {
    await database.close();
  }
});

describe('a connection pool', () => {
  const open = async (options: Partial<PoolOptions>) =>
    openPg({ connectionString: await createEmptyPostgresDatabase(), maxConnections: 1, ...options });

  it('does not apply the connect timeout to statements that wait for its only connection', async () => {
    const database = await open({ connectTimeoutMs: 1_500 });
    try {
      await database.query('SELECT 1');
      const slow = Array.from({ length: 4 }, () => database.query('SELECT pg_sleep(0.6)'));
      await expect(Promise.all(slow)).resolves.toHaveLength(4);
    } finally {
      await database.close();
    }
  });

  it('refuses, without any effect, statements that wait too long or exceed the maximum number of waiting statements', async () => {
    const database = await open({ maxWaiting: 1, maxWaitMs: 100 });
    try {
      await database.query('CREATE TABLE numbers (id bigint PRIMARY KEY)');
      const slow = database.query('SELECT pg_sleep(2)');
      const [late, refused] = [insert(database, 1), insert(database, 2)];
      await expect(refused).rejects.toMatchObject({ code: '53400' });
      await expect(late).rejects.toMatchObject({ code: '55P03' });
      await slow;
      expect(await numbers(database)).toEqual([]);
    } finally {
      await database.close();
    }
  });

  it('waits for a lock only for a limited time, inside a transaction as well as outside', async () => {
    const database = await open({ maxConnections: 2, lockTimeoutMs: 100 });
    try {
      await database.query('CREATE TABLE numbers (id bigint PRIMARY KEY)');
      await database.transaction(async (on) => {
        await on.query('LOCK TABLE numbers IN ACCESS EXCLUSIVE MODE');
        await expect(insert(database, 1)).rejects.toMatchObject({ code: '55P03' });
        const inTransaction = database.transaction((other) => insert(other, 2));
        await expect(inTransaction).rejects.toMatchObject({ code: '55P03' });
      });
      expect(await numbers(database)).toEqual([]);
    } finally {
      await database.close();
    }
  });
});
