import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedDatabase, openPglite } from '../../../lib/database/drivers/pglite/open-pglite.ts';
import { placeEmptyEmbeddedDatabase } from '../../fixtures/database/embedded-template.ts';

describe('statements with values on the embedded database', () => {
  let directory: string;
  let database: EmbeddedDatabase;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'prepared-'));
    const dataDir = join(directory, 'database');
    await placeEmptyEmbeddedDatabase(dataDir);
    database = await openPglite({ dataDir });
    await database.query('CREATE TABLE notes (id bigint PRIMARY KEY, note text)');
  });
  afterAll(async () => {
    await database.close();
    await rm(directory, { recursive: true, force: true });
  });

  const INSERT = 'INSERT INTO notes (id, note) VALUES ($1, $2)';
  const preparedTimes = async (sql: string) => {
    const { rows } = await database.query<{ times: number }>(
      'SELECT generic_plans + custom_plans AS times FROM pg_prepared_statements WHERE statement = $1',
      [sql],
    );
    return rows.map(({ times }) => times);
  };

  it('are prepared once, and run again with other values', async () => {
    const sql = 'SELECT $1::text AS text, $2::bigint AS number, $3::uuid[] AS ids';
    const id = '6b1f0c4e-0000-4000-8000-000000000001';
    expect((await database.query(sql, ['a', 1, `{${id}}`])).rows).toEqual([
      { text: 'a', number: 1, ids: [id] },
    ]);
    expect((await database.query(sql, [null, null, null])).rows).toEqual([
      { text: null, number: null, ids: null },
    ]);
    expect(await preparedTimes(sql)).toEqual([2]);
  });

  it('stay prepared after an error', async () => {
    await database.query(INSERT, [1, 'first']);
    await expect(database.query(INSERT, [1, 'again'])).rejects.toMatchObject({ code: '23505' });
    expect((await database.query(INSERT, [2, 'second'])).rowsChanged).toBe(1);
    expect(await preparedTimes(INSERT)).toEqual([3]);
  });

  it('fail with the same error each time if they are invalid', async () => {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(database.query('SELECT $1::text FROM absent', ['a'])).rejects.toMatchObject({
        code: '42P01',
      });
    }
  });

  it('run after a reader’s statement, which ends all prepared statements of the session', async () => {
    const readOne = () =>
      database.reader.readSql('SELECT 1 AS one', { maxRows: 10, maxBytes: 10_000, timeoutMs: 5_000 });
    await expect(readOne()).rejects.toThrow('role "query_reader" does not exist');
    await database.query('CREATE ROLE query_reader');
    await database.query(INSERT, [3, 'before']);
    expect((await readOne()).rows).toEqual([['1']]);
    expect(await preparedTimes(INSERT)).toEqual([]);
    expect((await database.query(INSERT, [4, 'after'])).rowsChanged).toBe(1);
  });

  it('are prepared again if the columns of their result have changed', async () => {
    const sql = 'SELECT * FROM notes WHERE id = $1';
    await database.query(sql, [1]);
    await database.query("ALTER TABLE notes ADD COLUMN author text DEFAULT 'ann'");
    await expect(database.query(sql, [1])).rejects.toMatchObject({ code: '0A000' });
    expect((await database.query(sql, [1])).rows).toEqual([{ id: 1, note: 'first', author: 'ann' }]);
  });

  it('are planned again after a table has grown', async () => {
    const sql = 'SELECT note FROM notes WHERE id = $1';
    await database.query('VACUUM ANALYZE notes');
    for (let id = 1; id <= 10; id += 1) await database.query(sql, [id]);
    const planOf = async () => {
      const { rows } = await database.query<{ name: string }>(
        'SELECT name FROM pg_prepared_statements WHERE statement = $1',
        [sql],
      );
      const plan = await database.query<Record<string, string>>(`EXPLAIN EXECUTE "${rows[0]?.name}" (5)`);
      return plan.rows.map((row) => row['QUERY PLAN']).join('\n');
    };
    expect(await planOf()).toContain('Seq Scan');
    await database.query(
      'INSERT INTO notes SELECT n, repeat($1, 100) FROM generate_series(1000, 20000) AS n',
      ['x'],
    );
    await sleep(2_000);
    await database.query(sql, [1]);
    expect(await planOf()).toContain('Index Scan');
  });

  it('are at most 250; the statement that was used least recently is ended first', async () => {
    const used = 'SELECT $1::text AS used';
    for (let number = 0; number < 400; number += 1) {
      await database.query(`SELECT ${number} + $1::bigint AS sum`, [1]);
      if (number % 100 === 0) await database.query(used, ['again']);
    }
    const { rows } = await database.query<{ count: number }>('SELECT count(*) FROM pg_prepared_statements');
    expect(Number(rows[0]?.count)).toBe(250);
    expect(await preparedTimes(used)).toEqual([4]);
    expect(await preparedTimes('SELECT 0 + $1::bigint AS sum')).toEqual([]);
  });
});
