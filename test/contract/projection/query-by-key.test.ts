import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { recordId } from '../../../lib/database/row-ids.ts';
import { READER_ROLE } from '../../../lib/database/schema/roles.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

const DOCUMENT = new URL('../../../docs/query.md', import.meta.url);
const COMMON_PREFIX = 'x'.repeat(64);

describe.each(DATABASES)('queries by key on $name', ({ open }) => {
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
      dataset('us-east-1:ada', '7', `${COMMON_PREFIX}a`),
      dataset('us-east-1:bob', '12', `${COMMON_PREFIX}b`),
      dataset('us-east-1:cyd', 'none', ''),
    ]);
  });
  afterAll(() => database.close());

  /** Runs a query as the reader role. */
  const query = (sql: string) =>
    database.transaction(async (transaction) => {
      await transaction.query(`SET LOCAL ROLE ${READER_ROLE}`);
      return (await transaction.query(sql)).rows;
    });

  it.each([
    ['ASCII', 'level'],
    ['the empty string', ''],
    ['Chinese', '鍵'],
    ['emoji of several characters', '👩‍👩‍👧 🏴‍☠️'],
    ['a letter and its accent', 'e\u0301'],
    ['a letter with its accent as one character', '\u00e9'],
    ['a byte order mark', '\uFEFFkey'],
    ['quotes and backslashes', `'"\\ \n\t`],
    ['the longest key', '鍵'.repeat(1024)],
    ['longer than the service accepts', 'k'.repeat(100_000)],
  ])('compute the same record id in SQL and TypeScript: %s', async (_, key) => {
    const { rows } = await database.query('SELECT query.record_id_of($1) AS id', [key]);
    expect(rows).toEqual([{ id: recordId(key) }]);
  });

  it('compute the same record ids as TypeScript for a thousand keys', async () => {
    const { rows } = await database.query<{ key: string; id: string }>(
      "SELECT key, query.record_id_of(key) AS id FROM (SELECT 'k' || i AS key FROM generate_series(1, 1000) AS i) AS keys",
    );
    expect(rows.map(({ id }) => id)).toEqual(rows.map(({ key }) => recordId(key)));
  });

  it('return the records of the key as the view `query.records` shows them', async () => {
    const seen = await query("SELECT * FROM query.records WHERE record_key = 'level' ORDER BY identity_id");
    expect(seen).toHaveLength(3);
    expect(await query("SELECT * FROM query.records_of('level') ORDER BY identity_id")).toEqual(seen);
    expect(await query("SELECT identity_id FROM query.records_of('level') WHERE numeric_value > 7")).toEqual([
      { identity_id: 'us-east-1:bob' },
    ]);
    expect(await query("SELECT * FROM query.records_of('no such key')")).toEqual([]);
    expect(await query('SELECT * FROM query.records_of(NULL)')).toEqual([]);
  });

  it('return the records with a value, not records whose values only start like it', async () => {
    const identitiesWith = (value: string) =>
      query(`SELECT identity_id FROM query.records_with('motto', '${value}')`);
    expect(await identitiesWith(`${COMMON_PREFIX}b`)).toEqual([{ identity_id: 'us-east-1:bob' }]);
    expect(await identitiesWith(COMMON_PREFIX)).toEqual([]);
    expect(await identitiesWith('')).toEqual([{ identity_id: 'us-east-1:cyd' }]);
  });

  it('run every statement that docs/query.md shows without an error', async () => {
    const blocks = (await readFile(DOCUMENT, 'utf8')).match(/(?<=^```sql\n)[\s\S]*?(?=^```)/gm) ?? [];
    const statements = blocks
      .join('\n')
      .split(/;$/m)
      .filter((statement) => statement.trim() !== '');
    expect(statements.length).toBeGreaterThan(5);
    for (const statement of statements) await query(statement);
  });

  it('are permitted only to the reader role, which gains no other access', async () => {
    const { rows } = await database.query(
      `SELECT proname AS name, has_function_privilege('public', pg_proc.oid, 'EXECUTE') AS everybody
       FROM pg_proc WHERE pronamespace = 'query'::regnamespace ORDER BY 1`,
    );
    expect(rows).toEqual(
      ['record_id_of', 'records_of', 'records_with'].map((name) => ({ name, everybody: false })),
    );
    await expect(query('SELECT * FROM projection.records')).rejects.toMatchObject({ code: '42501' });
  });
});
