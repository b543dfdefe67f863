import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { recordId } from '../../../lib/database/row-ids.ts';
import { READER_ROLE } from '../../../lib/database/schema/roles.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

const DOCUMENT = new URL('../../../docs/query.md', import.meta.url);
const SAME_START = 'x'.repeat(64);

describe.each(DATABASES)('asking by key on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
    const version = { lastModifiedDate: NEW_YEAR, syncCount: 1 };
    const record = (key: string, value: string) => ({ key, value, version, deviceLastModifiedDate: null });
    const dataset = (identityId: string, level: string, motto: string) => ({
      dataset: { identityPoolId: POOL, identityId, datasetName: 'game' },
      version,
      removal: null,
      records: [record('level', level), record('motto', motto)],
    });
    await createQueryStore(database).apply([
      dataset('us-east-1:ada', '7', `${SAME_START}a`),
      dataset('us-east-1:bob', '12', `${SAME_START}b`),
      dataset('us-east-1:cyd', 'none', ''),
    ]);
  });
  afterAll(() => database.close());

  /** As those may who read. */
  const ask = (sql: string) =>
    database.transaction(async (transaction) => {
      await transaction.query(`SET LOCAL ROLE ${READER_ROLE}`);
      return (await transaction.query(sql)).rows;
    });

  it.each([
    ['ASCII', 'level'],
    ['nothing', ''],
    ['Chinese', '鍵'],
    ['emoji of several characters', '👩‍👩‍👧 🏴‍☠️'],
    ['a letter and its accent', 'e\u0301'],
    ['the two as one', '\u00e9'],
    ['a byte order mark', '\uFEFFkey'],
    ['quotes and backslashes', `'"\\ \n\t`],
    ['the longest key', '鍵'.repeat(1024)],
    ['longer than any', 'k'.repeat(100_000)],
  ])('a key has one id, in SQL and here: %s', async (_, key) => {
    const { rows } = await database.query('SELECT query.record_id_of($1) AS id', [key]);
    expect(rows).toEqual([{ id: recordId(key) }]);
  });

  it('has one id for each of a thousand keys', async () => {
    const { rows } = await database.query<{ key: string; id: string }>(
      "SELECT key, query.record_id_of(key) AS id FROM (SELECT 'k' || i AS key FROM generate_series(1, 1000) AS i) AS keys",
    );
    expect(rows.map(({ id }) => id)).toEqual(rows.map(({ key }) => recordId(key)));
  });

  it('gives the records of the key, as the view has them', async () => {
    const seen = await ask("SELECT * FROM query.records WHERE record_key = 'level' ORDER BY identity_id");
    expect(seen).toHaveLength(3);
    expect(await ask("SELECT * FROM query.records_of('level') ORDER BY identity_id")).toEqual(seen);
    expect(await ask("SELECT identity_id FROM query.records_of('level') WHERE numeric_value > 7")).toEqual([
      { identity_id: 'us-east-1:bob' },
    ]);
    expect(await ask("SELECT * FROM query.records_of('no such key')")).toEqual([]);
    expect(await ask('SELECT * FROM query.records_of(NULL)')).toEqual([]);
  });

  it('gives those with one value, and none that only starts like it', async () => {
    const whose = (value: string) => ask(`SELECT identity_id FROM query.records_with('motto', '${value}')`);
    expect(await whose(`${SAME_START}b`)).toEqual([{ identity_id: 'us-east-1:bob' }]);
    expect(await whose(SAME_START)).toEqual([]);
    expect(await whose('')).toEqual([{ identity_id: 'us-east-1:cyd' }]);
  });

  it('runs what docs/query.md shows', async () => {
    const blocks = (await readFile(DOCUMENT, 'utf8')).match(/(?<=^```sql\n)[\s\S]*?(?=^```)/gm) ?? [];
    const statements = blocks
      .join('\n')
      .split(/;$/m)
      .filter((statement) => statement.trim() !== '');
    expect(statements.length).toBeGreaterThan(5);
    for (const statement of statements) await ask(statement);
  });

  it('is for the reader role alone, which gets no further than before', async () => {
    const { rows } = await database.query(
      `SELECT proname AS name, has_function_privilege('public', pg_proc.oid, 'EXECUTE') AS everybody
       FROM pg_proc WHERE pronamespace = 'query'::regnamespace ORDER BY 1`,
    );
    expect(rows).toEqual(
      ['record_id_of', 'records_of', 'records_with'].map((name) => ({ name, everybody: false })),
    );
    await expect(ask('SELECT * FROM projection.records')).rejects.toMatchObject({ code: '42501' });
  });
});
