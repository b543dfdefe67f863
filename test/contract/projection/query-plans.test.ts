import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database, SqlValue } from '../../../lib/database/database.ts';
import { READER_ROLE } from '../../../lib/database/schema/roles.ts';
import { createOptionalIndexes } from '../../../lib/projection/store/optional-indexes.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import type { Version } from '../../../lib/stream/stream-event.ts';
import { READ_RECORDS, READ_RECORDS_IN_SESSION } from '../../../lib/sync/store/sync-statements.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';

// 120,000 records: ten keys for each of 12,000 identities. Each second, the records of one identity were written.
const FILL = [
  `INSERT INTO projection.datasets
   SELECT md5(i::text)::uuid, 'pool', 'identity' || i, 'savegame', i, 1, NULL, NULL, now() - i * interval '1 second'
   FROM generate_series(1, 12000) AS i`,
  `INSERT INTO projection.records
   SELECT md5(i::text)::uuid, record_id, 'key' || k, 'value' || i, i, i, 1, NULL, now() - i * interval '1 second'
   FROM generate_series(1, 12000) AS i,
     (SELECT k, query.record_id_of('key' || k) AS record_id FROM generate_series(1, 10) AS k OFFSET 0) AS keys`,
];

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  'Recheck Cond'?: string;
  Plans?: PlanNode[];
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

const SHIPPED = [
  {
    query: 'the datasets of one identity',
    sql: "SELECT * FROM query.datasets WHERE identity_pool_id = 'pool' AND identity_id = 'identity7'",
    index: 'datasets_by_name',
  },
  {
    query: 'the records of one identity',
    sql: "SELECT * FROM query.records WHERE identity_pool_id = 'pool' AND identity_id = 'identity7'",
    index: 'records_pkey',
  },
  {
    query: 'one record of one identity',
    sql: "SELECT * FROM query.records_of('key3') WHERE identity_pool_id = 'pool' AND identity_id = 'identity7' AND dataset_name = 'savegame'",
    index: 'records_pkey',
  },
  {
    query: 'recent changes',
    sql: "SELECT * FROM query.records WHERE projected_at > now() - interval '1 minute' ORDER BY projected_at",
    index: 'records_by_projected_at',
  },
];

const BY_VALUE = [
  {
    query: 'a range of numbers',
    sql: "SELECT * FROM query.records_of('key3') WHERE numeric_value BETWEEN 100 AND 150",
    index: 'records_by_number',
  },
  {
    query: 'an aggregate over a range of numbers',
    sql: "SELECT avg(numeric_value), count(*) FROM query.records_of('key3') WHERE numeric_value > 11900",
    index: 'records_by_number',
  },
  {
    query: 'the highest numbers',
    sql: "SELECT * FROM query.records_of('key3') WHERE numeric_value > 10 ORDER BY numeric_value DESC LIMIT 10",
    index: 'records_by_number',
  },
  {
    query: 'a text value',
    sql: "SELECT * FROM query.records_with('key3', 'value77')",
    index: 'records_by_text',
  },
];

describe.each(DATABASES)('query plans on $name', ({ openOwn }) => {
  let database: Database;
  beforeAll(async () => {
    database = await openOwn();
    for (const statement of FILL) await database.query(statement);
  });
  afterAll(() => database.close());

  /** Plans the query as the reader role. @returns all nodes of the plan */
  async function explain(sql: string): Promise<PlanNode[]> {
    const { rows } = await database.transaction(async (transaction) => {
      await transaction.query(`SET LOCAL ROLE ${READER_ROLE}`);
      return transaction.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`EXPLAIN (FORMAT JSON) ${sql}`);
    });
    const [plan] = rows[0]?.['QUERY PLAN'] ?? [];
    return plan ? nodesOf(plan.Plan) : [];
  }

  async function expectIndex(sql: string, index: string): Promise<void> {
    const nodes = await explain(sql);
    const scans = nodes
      .filter((node) => node['Node Type'] === 'Seq Scan')
      .map((node) => node['Relation Name']);
    expect(scans).not.toContain('records');
    expect(nodes.map((node) => node['Node Type'])).not.toContain('Function Scan');
    expect(nodes.map((node) => node['Index Name'])).toContain(index);
  }

  it('for erasing the values of removed datasets read only the datasets of the batch', async () => {
    const statements: [sql: string, values: readonly SqlValue[]][] = [];
    const recording: Database = {
      ...database,
      query<Row>(sql: string, values: readonly SqlValue[] = []) {
        statements.push([sql, values]);
        return database.query<Row>(sql, values);
      },
    };
    const version = { lastModifiedDate: 1, syncCount: 1 };
    const record = { key: 'key3', value: 'v', version, deviceLastModifiedDate: null };
    const changeOf = (datasetName: string, removal: Version | null) => ({
      dataset: { identityPoolId: 'pool', identityId: 'identity1', datasetName },
      version,
      removal,
      records: removal ? [] : [record],
    });
    await createQueryStore(recording).apply([changeOf('removed', version), changeOf('written', null)]);
    const erasing = statements.filter(([sql]) => sql.includes('removed_ms, datasets.removed_sync_count)'));
    expect(erasing).toHaveLength(2);
    for (const [sql, values] of erasing) {
      const { rows } = await database.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
        `EXPLAIN (FORMAT JSON) ${sql}`,
        values,
      );
      const nodes = rows.flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan }) => nodesOf(Plan)));
      const scans = nodes.filter((node) => node['Relation Name'] && node['Node Type'] !== 'ModifyTable');
      for (const scan of scans)
        expect(scan).toHaveProperty(scan['Recheck Cond'] ? 'Recheck Cond' : 'Index Cond');
    }
  });

  // The embedded database never runs ANALYZE by itself, so the plans must be good without statistics.
  it.each(SHIPPED)('use an index before the first ANALYZE: $query', ({ sql, index }) =>
    expectIndex(sql, index),
  );

  for (const state of ['before the first ANALYZE', 'after VACUUM', 'after ANALYZE'])
    it(`read the changes of the last hour in order from the index, ${state}`, async () => {
      if (state === 'after VACUUM') await database.query('VACUUM projection.records');
      if (state === 'after ANALYZE') await database.query('ANALYZE projection.records');
      const document = await readFile(new URL('../../../docs/query.md', import.meta.url), 'utf8');
      const sql = /^-- What changed in the last hour[\s\S]*?(?=;$)/m.exec(document)?.[0] ?? '';
      const nodes = await explain(sql);
      expect(nodes.map((node) => node['Index Name'])).toContain('records_by_projected_at');
      expect(nodes.map((node) => node['Node Type'])).not.toContain('Sort');
    });

  it('scan all records for a query by value if there is no value index', async () => {
    const nodes = await explain("SELECT * FROM query.records_of('key3') WHERE numeric_value > 11900");
    expect(nodes).toContainEqual(
      expect.objectContaining({ 'Node Type': 'Seq Scan', 'Relation Name': 'records' }),
    );
  });

  describe('after ANALYZE, with the value indexes', () => {
    beforeAll(async () => {
      const indexes = createOptionalIndexes(database);
      await indexes.add('numeric');
      await indexes.add('text');
      await database.query('ANALYZE projection.datasets');
    });

    it.each([...SHIPPED, ...BY_VALUE])('use an index: $query', ({ sql, index }) => expectIndex(sql, index));

    it('read the highest numbers in order from the index, without a sort', async () => {
      const nodes = await explain(BY_VALUE[2]?.sql ?? '');
      expect(nodes.map((node) => node['Node Type'])).not.toContain('Sort');
    });

    it('use the index for a prepared statement whose plan must suit every key', async () => {
      const nodes = await database.transaction(async (transaction) => {
        await transaction.query('SET LOCAL plan_cache_mode = force_generic_plan');
        await transaction.query(
          'PREPARE highest (text) AS SELECT * FROM query.records_of($1) ORDER BY numeric_value DESC LIMIT 10',
        );
        const { rows } = await transaction.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
          "EXPLAIN (FORMAT JSON) EXECUTE highest ('key3')",
        );
        await transaction.query('DEALLOCATE highest');
        return rows.flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan }) => nodesOf(Plan)));
      });
      expect(nodes.map((node) => node['Index Name'])).toContain('records_by_number');
    });
  });
});

// 5,000 identities, each with a dataset of ten records. Half of the datasets are copies that merges made.
const FILL_SYNC = [
  `INSERT INTO sync.datasets
   SELECT md5(i::text)::uuid, 'pool', 'identity' || i, 'game', 10, 0, 1, 1, 'caller', 1, 10
   FROM generate_series(1, 5000) AS i`,
  `INSERT INTO sync.records
   SELECT md5(i::text)::uuid, md5(k::text)::uuid, 'key' || k, 'value', k, 1, 'caller', 1
   FROM generate_series(1, 5000) AS i, generate_series(1, 10) AS k`,
  `INSERT INTO sync.merged_datasets
   SELECT md5(i::text)::uuid, md5((i + 1)::text)::uuid FROM generate_series(1, 4999, 2) AS i`,
];

describe.each(DATABASES)('query plans of ListRecords on $name', ({ openOwn }) => {
  let database: Database;
  beforeAll(async () => {
    database = await openOwn();
    for (const statement of FILL_SYNC) await database.query(statement);
  });
  afterAll(() => database.close());

  const LISTINGS = [
    {
      page: 'the first page',
      sql: READ_RECORDS,
      values: `md5('8')::uuid, 5, md5('8')::uuid, 9, 100, md5('8')::uuid`,
    },
    {
      page: 'a page of a session',
      sql: READ_RECORDS_IN_SESSION,
      values: `md5('8')::uuid, 5, md5('8')::uuid, 9, 100, md5('8')::uuid, 1, md5('8')::uuid`,
    },
  ];

  async function explain(sql: string, values: string): Promise<PlanNode[]> {
    return database.transaction(async (transaction) => {
      await transaction.query('SET LOCAL plan_cache_mode = force_generic_plan');
      await transaction.query(`PREPARE listing AS ${sql}`);
      const { rows } = await transaction.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
        `EXPLAIN (FORMAT JSON) EXECUTE listing (${values})`,
      );
      await transaction.query('DEALLOCATE listing');
      return rows.flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan }) => nodesOf(Plan)));
    });
  }

  // The embedded database never runs ANALYZE by itself, so the plans must be good without statistics.
  for (const analyzed of [false, true]) {
    it.each(LISTINGS)(
      `use only indexes for $page ${analyzed ? 'after' : 'before'} ANALYZE`,
      async ({ sql, values }) => {
        if (analyzed) await database.query('ANALYZE');
        const nodes = await explain(sql, values);
        const scanned = nodes.filter((node) => node['Node Type'] === 'Seq Scan');
        expect(scanned.map((node) => node['Relation Name'])).not.toContain('datasets');
        expect(scanned.map((node) => node['Relation Name'])).not.toContain('records');
        expect(nodes.map((node) => node['Index Name'])).toEqual(
          expect.arrayContaining(['datasets_pkey', 'records_by_sync_count', 'merged_datasets_by_root']),
        );
      },
    );
  }
});
