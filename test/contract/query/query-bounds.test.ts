import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { noProgress } from '../../../lib/move/ports/move-store.ts';
import { createOptionalIndexes } from '../../../lib/projection/store/optional-indexes.ts';
import type { PageRequest, QueryPage } from '../../../lib/query/model.ts';
import type { QueryReader } from '../../../lib/query/ports/query-reader.ts';
import { createMigrationReader } from '../../../lib/query/store/migrations.ts';
import { createQueryReader } from '../../../lib/query/store/query-reader.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { explainReads } from '../../fixtures/query/rows-read.ts';

const LIMIT = 50;
/** Rows read per item of a page: a row of each of two joined or merged tables, and a few rows of the catalog. */
const READ_PER_ITEM = 3;

/** 20,000 identities in one pool with ten records each. All records have the same score and the same dataset name. */
const FILL = [
  `INSERT INTO projection.datasets
   SELECT md5(i::text)::uuid, 'pool', 'identity' || lpad(i::text, 5, '0'), 'game', i, 1, NULL, NULL, now()
   FROM generate_series(1, 20000) AS i`,
  `INSERT INTO projection.records
   SELECT md5(i::text)::uuid, record_id, 'key' || k, 'value', 7, i, 1, NULL, now() - i * interval '1 second'
   FROM generate_series(1, 20000) AS i,
     (SELECT k, query.record_id_of('key' || k) AS record_id FROM generate_series(1, 10) AS k OFFSET 0) AS keys`,
  `INSERT INTO identity.identities
   SELECT 'identity' || lpad(i::text, 5, '0'), 'pool', 0, 0, NULL FROM generate_series(1, 20000) AS i`,
  `INSERT INTO identity.identities
   SELECT 'identity' || lpad(i::text, 5, '0') || '-small', 'small pool', 0, 0, NULL FROM generate_series(1, 20000, 5000) AS i`,
  `INSERT INTO projection.quarantine
   SELECT md5(i::text)::uuid, 'not-json', NULL, 's', 's', i::text, now(), now() - i * interval '1 second', NULL, ''
   FROM generate_series(1, 20000) AS i`,
  `INSERT INTO move.pools (identity_pool_id, origin, run_ms, progress)
   VALUES ('pool', 'origin', 1, '${JSON.stringify(noProgress())}')`,
  `INSERT INTO move.identities (identity_row_id, identity_pool_id, copied_run_ms, taken_over_ms)
   SELECT md5(i::text)::uuid, 'pool', 1, CASE WHEN i % 4 = 0 THEN 1 END FROM generate_series(1, 20000) AS i`,
  `INSERT INTO move.datasets (dataset_id, identity_row_id, agreed_here, agreed_there)
   SELECT md5(i::text)::uuid, md5(i::text)::uuid, 1, 1 FROM generate_series(4, 20000, 4) AS i`,
  `INSERT INTO sync.unbridged_datasets
   SELECT md5(i::text)::uuid, 'pool', 'identity', 'game', md5(i::text)::uuid, 0, 1, 'limit'
   FROM generate_series(1, 20000) AS i`,
  `INSERT INTO move.conflicts
   SELECT md5(i::text)::uuid, 'pool', 'identity', 'game', 'key', 'update', 'here', 1, 1, i
   FROM generate_series(1, 20000) AS i`,
];

type Read = (reader: QueryReader, page: PageRequest) => Promise<QueryPage<object>>;

const KEY = 'key3';
const ANY = { identityPoolId: null, datasetName: null };
const NO_MATCH = { identityPoolId: null, datasetName: 'another' };
const QUERIES: { query: string; read: Read }[] = [
  { query: 'pools', read: (reader, page) => reader.pools(page) },
  { query: 'identities', read: (reader, page) => reader.identities('pool', page) },
  { query: 'identities of a small pool', read: (reader, page) => reader.identities('small pool', page) },
  { query: 'changes', read: (reader, page) => reader.changes(null, page) },
  { query: 'quarantined events', read: (reader, page) => reader.quarantine(page) },
  ...[true, false].flatMap((descending) => [
    {
      query: `records by number, ${descending ? 'highest' : 'lowest'} first`,
      read: (reader: QueryReader, page: PageRequest) =>
        reader.recordsOf(KEY, { by: 'number', descending, min: null, max: null }, ANY, page),
    },
    {
      query: `records by text, ${descending ? 'last' : 'first'} first`,
      read: (reader: QueryReader, page: PageRequest) =>
        reader.recordsOf(KEY, { by: 'text', descending, equals: null }, ANY, page),
    },
  ]),
  {
    query: 'records with one value',
    read: (reader, page) =>
      reader.recordsOf(KEY, { by: 'text', descending: false, equals: 'value' }, ANY, page),
  },
  {
    query: 'records of a dataset name that no record has',
    read: (reader, page) =>
      reader.recordsOf(KEY, { by: 'number', descending: true, min: '0', max: '9' }, NO_MATCH, page),
  },
];

describe.each(DATABASES)('a page of the query reader on $name', ({ openOwn }) => {
  let database: Database;
  beforeAll(async () => {
    database = await openOwn();
    for (const statement of FILL) await database.query(statement);
    await createOptionalIndexes(database).add('numeric');
    await createOptionalIndexes(database).add('text');
  });
  afterAll(() => database.close());

  /** Returns the rows that the largest statement of a page reads, and the next page. */
  async function measure(read: Read, page: PageRequest) {
    let most = 0;
    const explained = explainReads(database, (rows) => {
      most = Math.max(most, rows);
    });
    const { next } = await read(createQueryReader(explained), page);
    return { most, next };
  }

  it.each(QUERIES)('reads a bounded number of rows: $query', async ({ read }) => {
    const first = await measure(read, { limit: LIMIT, after: null });
    expect(first.most).toBeLessThanOrEqual(LIMIT * READ_PER_ITEM);
    if (first.next === null) return;
    const second = await measure(read, { limit: LIMIT, after: first.next });
    expect(second.most).toBeLessThanOrEqual(LIMIT * READ_PER_ITEM);
  });

  it('reads the identities of a pool from the index by pool, even if the plan does not depend on the pool', async () => {
    await database.query('ANALYZE identity.identities');
    const statements: string[] = [];
    const recording: Database = {
      ...database,
      query(sql, values) {
        statements.push(sql);
        return database.query(sql, values);
      },
    };
    await createQueryReader(recording).identities('small pool', { limit: LIMIT, after: null });
    const plan = await database.transaction(async (transaction) => {
      await transaction.query('SET LOCAL plan_cache_mode = force_generic_plan');
      await transaction.query(`PREPARE of_pool AS ${statements.join(';')}`);
      const { rows } = await transaction.query(`EXPLAIN EXECUTE of_pool ('small pool', '', ${LIMIT})`);
      await transaction.query('DEALLOCATE of_pool');
      return JSON.stringify(rows);
    });
    expect(plan).toContain('identities_by_pool');
    expect(plan).not.toContain('identities_pkey');
  });

  it('estimates the lengths of long lists from a bounded number of rows', async () => {
    let most = 0;
    const explained = explainReads(database, (rows) => {
      most = Math.max(most, rows);
    });
    const { identities, datasets, records, pools } = await createQueryReader(explained).counts();
    expect(most).toBeLessThanOrEqual(5_001);
    expect(pools).toEqual({ count: 1, isEstimate: false });
    for (const [{ count, isEstimate }, actual] of [
      [identities, 20_000],
      [datasets, 20_000],
      [records, 200_000],
    ] as const) {
      expect(isEstimate).toBe(true);
      expect(count).toBeGreaterThan(actual / 4);
      expect(count).toBeLessThan(actual * 4);
    }
  });

  it('starts no further statement for the counts after the counts have taken too long', async () => {
    let clock = 0;
    let statements = 0;
    const slow: Database = {
      ...database,
      query(sql, values) {
        clock += 5_000;
        statements += 1;
        return database.query(sql, values);
      },
    };
    const counting = createQueryReader(slow, () => clock).counts();
    await expect(counting).rejects.toMatchObject({ name: 'QueryError', reason: 'too-slow' });
    expect(statements).toBe(3);
  });

  it('counts only the first rows of a migration, and says that the counts are incomplete', async () => {
    let most = 0;
    const explained = explainReads(database, (rows) => {
      most = Math.max(most, rows);
    });
    const read = createMigrationReader(explained, () => 1, 400);
    const { items } = await read({ limit: LIMIT, after: null });
    const bridge = { waiting: 400, failing: 400, problems: { limit: 400 }, conflicts: 400 };
    expect(items).toMatchObject([
      { identities: 400, identitiesCopied: 400, countsAreMinimums: true, bridge },
    ]);
    // The first identities are a sample, of which about a quarter were taken over.
    const { takenOver = 0, bridge: { datasets = 0 } = {} } = items[0] ?? {};
    expect(takenOver).toBeGreaterThan(50);
    expect(takenOver).toBeLessThan(150);
    expect(datasets).toBe(takenOver);
    // At most 400 identities, 400 of their datasets, and 400 keys of these datasets are counted.
    expect(most).toBeLessThanOrEqual(3 * 400);
  });
});
