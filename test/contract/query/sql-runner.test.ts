import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openOnDsqlPool } from '../../../lib/database/drivers/dsql/open-dsql.ts';
import { openPg, poolSettings } from '../../../lib/database/drivers/pg/open-pg.ts';
import { openPglite } from '../../../lib/database/drivers/pglite/open-pglite.ts';
import type { ReadDatabase } from '../../../lib/database/read-sql.ts';
import type { SqlRunner } from '../../../lib/query/ports/sql-runner.ts';
import { createSqlRunner } from '../../../lib/query/store/sql-runner.ts';
import { createPostgresDatabase } from '../../fixtures/database/databases.ts';
import { placeEmbeddedDatabase } from '../../fixtures/database/embedded-template.ts';

const LIMITS = { maxBytes: 1024 * 1024, timeoutMs: 1_000 };

describe.each<{ name: string; open: () => Promise<{ owner: Database; reader: ReadDatabase }> }>([
  {
    name: 'embedded',
    async open() {
      const dataDir = join(await mkdtemp(join(inject('runFolder'), 'sql-')), 'database');
      await placeEmbeddedDatabase(dataDir);
      const owner = await openPglite({ dataDir });
      return { owner, reader: owner.reader };
    },
  },
  {
    name: 'PostgreSQL',
    async open() {
      const owner = openPg({ connectionString: await createPostgresDatabase() });
      return { owner, reader: owner };
    },
  },
  {
    name: 'the connections to Aurora DSQL',
    async open() {
      const connectionString = await createPostgresDatabase();
      const pool = new pg.Pool({ ...poolSettings({}), connectionString, options: '-c role=query_reader' });
      const reader = openOnDsqlPool(pool, {});
      const owner = openPg({ connectionString });
      const close = async () => void (await Promise.all([owner.close(), reader.close()]));
      return { owner: { ...owner, close }, reader };
    },
  },
])('SQL that a user enters, on $name', ({ name, open }) => {
  let owner: Database;
  let reader: ReadDatabase;
  let runner: SqlRunner;
  beforeAll(async () => {
    ({ owner, reader } = await open());
    runner = createSqlRunner(reader);
    await owner.query(`INSERT INTO projection.datasets
      VALUES (md5('1')::uuid, 'pool', 'identity', 'game', 0, 1, NULL, NULL, now())`);
  });
  afterAll(() => owner.close());

  it('returns columns with their types, and values as text', async () => {
    const sql = `select 1 as one, 1 as one, null as nothing, 'ä€😀' as text, 12345678901234567890.5::numeric as n,
      true as yes, array['a', null] as list, '{"a":1}'::jsonb as json; -- done`;
    const { columns, rows, isTruncated } = await runner.run(sql, 10);
    expect(columns).toEqual([
      { name: 'one', type: 'int4' },
      { name: 'one', type: 'int4' },
      { name: 'nothing', type: 'text' },
      { name: 'text', type: 'text' },
      { name: 'n', type: 'numeric' },
      { name: 'yes', type: 'bool' },
      { name: 'list', type: 'text[]' },
      { name: 'json', type: 'jsonb' },
    ]);
    expect(rows).toEqual([['1', '1', null, 'ä€😀', '12345678901234567890.5', 't', '{a,NULL}', '{"a": 1}']]);
    expect(isTruncated).toBe(false);
  });

  it.each([
    'select dataset_name from query.datasets',
    'table query.datasets',
    'with found as (select 1) select * from found',
    'values (1)',
    '/* why */ select 1 where false',
    "select * from query.records where record_key in ('ts_stat', 'Set_Config', 'query_to_xml_and_xmlschema')",
  ])('accepts %s', async (sql) => {
    expect((await runner.run(sql, 10)).columns).not.toEqual([]);
  });

  it('returns only the rows that were asked for', async () => {
    const million = await runner.run('select * from generate_series(1, 1000000)', 3);
    expect(million).toMatchObject({ rows: [['1'], ['2'], ['3']], isTruncated: true });
    const exact = await runner.run('select * from generate_series(1, 3)', 3);
    expect(exact).toMatchObject({ rows: [['1'], ['2'], ['3']], isTruncated: false });
  });

  it.each<[problem: string, sql: string, code: RegExp, position?: number]>([
    ['a mistake', 'select * fro query.records', /42601/, 10],
    ['an unknown table', 'select * from query.nothing', /42P01/, 15],
    ['a division by zero', 'select 1/0', /22012/],
    ['an empty text', ' ', /42601/],
    ['an insert', "insert into query.records (record_key) values ('k')", /42601/, 1],
    ['a delete', 'delete from projection.datasets', /42601/, 1],
    [
      'a delete in a CTE',
      'with d as (delete from projection.datasets returning 1) select * from d',
      /0A000|42601|42501/,
    ],
    ['a new table', 'create table mine (id integer)', /42601/, 1],
    ['a new table by a select', 'select 1 into mine', /42601|42P11|0A000|42501|25006/],
    ['a locked row', 'select * from query.datasets for update', /42501|25006|42601|0A000/],
    ['a private table', 'select * from sync.datasets', /42501/],
    ['the payload of the quarantine', 'select payload from projection.quarantine', /42501/],
    ['copy', "copy query.records to '/tmp/records'", /42601/, 1],
    ['copy to standard output', 'copy query.records to stdout', /42601/],
    ['a program', "copy (select 1) to program 'true'", /42601/],
    ['a block of code', "do $$ begin execute 'reset role'; end $$", /42601/],
    ['a setting', 'set statement_timeout = 0', /42601/],
    ['another role', 'set role postgres', /42601/],
    ['a reset of the role', 'reset role', /42601/],
    ['the end of the transaction', 'commit', /42601/],
    ['a second statement', 'select 1; select 2', /42601/],
    [
      'a write after the end of the transaction',
      'select 1; commit; delete from projection.datasets',
      /42601/,
    ],
    ['a role by a function', "select set_config('role', 'postgres', true)", /42501/, 8],
    ['a role by a hidden function', `select U&"\\0073et_config"('role', 'postgres', true)`, /42501/, 8],
    [
      'a role after a literal with the name',
      "select 'set_config', set_config('role', 'postgres', true)",
      /42501/,
      22,
    ],
    ['a role by a quoted name', `select ''"set_config" /**/ ('role', 'postgres', true)`, /42501/, 11],
    [
      'SQL in a text, by attribute notation',
      "select ('select ''ts_stat''::tsvector'::text).ts_stat",
      /42501/,
      47,
    ],
    ['SQL in a text', "select query_to_xml('select 1', true, true, '')", /42501/, 8],
    ['a file of the server', "select pg_read_file('postgresql.conf')", /42501|42883/],
    ['a large object', "select lo_from_bytea(0, 'x')", /25006|42501|42883|0A000/],
  ])('rejects %s', async (_, sql, code, position) => {
    await expect(runner.run(sql, 10)).rejects.toMatchObject({
      name: 'SqlError',
      code: expect.stringMatching(code),
      // Under Aurora DSQL's rules, the statement is a subquery, in which PostgreSQL reports a wrong first word at the
      // next word.
      ...(position !== undefined && { position: name.endsWith('DSQL') ? expect.any(Number) : position }),
    });
    const { rows } = await owner.query('SELECT dataset_name FROM projection.datasets');
    expect(rows).toHaveLength(1);
  });

  it('cancels a statement that never ends', async () => {
    const endless =
      'with recursive n as (select 1 as i union all select i + 1 from n) select count(*) from n';
    for (const sql of [endless, 'select pg_sleep(1000)']) {
      const running = reader.readSql(sql, { ...LIMITS, maxRows: 10 });
      await expect(running).rejects.toMatchObject({ name: 'SqlError', code: '57014' });
    }
    expect((await owner.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  }, 120_000);

  it('rejects a result that is too large', async () => {
    for (const sql of [
      "select repeat('x', 2000000)",
      "select repeat('x', 1000) from generate_series(1, 9000)",
    ]) {
      const running = reader.readSql(sql, { ...LIMITS, timeoutMs: 10_000, maxRows: 10_000 });
      await expect(running).rejects.toMatchObject({
        name: 'SqlError',
        message: expect.stringContaining('larger than 1048576 bytes'),
      });
    }
    expect((await runner.run('select 1', 10)).rows).toEqual([['1']]);
  }, 120_000);

  it('keeps no state of the session', async () => {
    await runner.run('select pg_advisory_lock(7)', 10);
    // The server ends the session a moment after the statement.
    const held = async () => (await owner.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")).rows;
    await expect.poll(held, { timeout: 10_000 }).toEqual([]);
    expect((await owner.query('SELECT current_user = session_user AS own')).rows).toEqual([{ own: true }]);
  });
});

it('SQL that a user enters runs on Aurora DSQL only as the user query_reader', async () => {
  const pool = new pg.Pool({ ...poolSettings({}), connectionString: await createPostgresDatabase() });
  const database = openOnDsqlPool(pool, {});
  await expect(createSqlRunner(database).run('select 1', 10)).rejects.toThrow('connect as query_reader');
  await database.close();
});
