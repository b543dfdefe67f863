import { DATASETS, identityOf, NUMBER_KEY, POOLS, TEXT, TEXT_KEY } from './query-rows.ts';

type Row = Record<string, unknown>;

/** A list of the query API, and the SQL that a person would write for the same page. */
export interface Page {
  /** The path below /query. */
  path: string;
  /** The parameters of a round, without the cursor. */
  parameters?: (round: number) => Record<string, string>;
  /** Number of measured requests; set only for lists whose bare SQL is slow. The default is ROUNDS in query.ts. */
  rounds?: number;
  /** The body; the method is then POST. */
  body?: object;
  sql: string;
  /** The parameters of `sql`. The statement returns the rows after `last`, which is the last row of the page before. */
  values?: (round: number, last: Row | undefined) => unknown[];
}

const pool = (round: number) => POOLS[round % POOLS.length] ?? '';
const [firstPool = ''] = POOLS;
const [firstDataset = ''] = DATASETS;
const COLUMNS = `identity_pool_id, identity_id, dataset_name, record_key, record_value, numeric_value, sync_count,
  last_modified_date, device_last_modified_date, projected_at`;
const VERSIONS = `identity_pool_id, identity_id, dataset_name, record_key, record_value, numeric_value,
  records.sync_count, records.last_modified_ms, device_last_modified_ms, records.projected_at, dataset_id`;
const RECORDS = `query.record_versions AS records JOIN query.dataset_versions AS datasets USING (dataset_id)`;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

const STATEMENT = 'select dataset_name, count(*) from query.datasets group by 1 order by 1';

/** All lists. Each statement is the fastest that we know for its page. A page has up to 100 rows. */
export const PAGES: Record<string, Page> = {
  pools: {
    path: 'pools',
    sql: `WITH RECURSIVE pools (id) AS (
        (SELECT identity_pool_id FROM query.datasets ORDER BY 1 LIMIT 1)
        UNION ALL
        SELECT (SELECT identity_pool_id FROM query.datasets WHERE identity_pool_id > pools.id ORDER BY 1 LIMIT 1)
        FROM pools WHERE pools.id IS NOT NULL)
      SELECT id FROM pools WHERE id IS NOT NULL LIMIT 100`,
  },
  identities: {
    path: 'identities',
    parameters: () => ({ pool: firstPool }),
    sql: `SELECT page.identity_id, identities.providers
      FROM (SELECT DISTINCT identity_id FROM query.datasets WHERE identity_pool_id = $1 AND identity_id > $2
        ORDER BY identity_id LIMIT 100) AS page
      LEFT JOIN query.identities ON identities.identity_id = page.identity_id
      ORDER BY page.identity_id`,
    values: (_, last) => [firstPool, last?.identity_id ?? ''],
  },
  datasets: {
    path: 'datasets',
    parameters: (round) => ({ pool: pool(round), identity: identityOf(pool(round), round * 7) }),
    sql: `SELECT dataset_name, sync_count, last_modified_date, deleted, projected_at FROM query.datasets
      WHERE identity_pool_id = $1 AND identity_id = $2 ORDER BY dataset_name LIMIT 100`,
    values: (round) => [pool(round), identityOf(pool(round), round * 7)],
  },
  'records of a dataset': {
    path: 'records',
    parameters: (round) => ({
      pool: pool(round),
      identity: identityOf(pool(round), round * 7),
      dataset: firstDataset,
    }),
    sql: `SELECT ${COLUMNS} FROM query.records
      WHERE identity_pool_id = $1 AND identity_id = $2 AND dataset_name = $3 ORDER BY record_id LIMIT 100`,
    values: (round) => [pool(round), identityOf(pool(round), round * 7), firstDataset],
  },
  'records by key, by number': {
    path: 'records-by-key',
    parameters: () => ({ key: NUMBER_KEY }),
    sql: `SELECT ${COLUMNS} FROM query.records_of('${NUMBER_KEY}')
      WHERE numeric_value IS NOT NULL AND numeric_value < $1 ORDER BY numeric_value DESC LIMIT 100`,
    values: (_, last) => [last?.numeric_value ?? 'Infinity'],
  },
  'records by key, by text': {
    path: 'records-by-key',
    parameters: () => ({ key: TEXT_KEY, order: 'text' }),
    sql: `SELECT ${VERSIONS} FROM ${RECORDS}
      WHERE record_id = query.record_id_of('${TEXT_KEY}') AND (left(record_value, 64), dataset_id) > ($1, $2)
      ORDER BY left(record_value, 64), dataset_id LIMIT 100`,
    values: (_, last) => [last?.record_value ?? '', last?.dataset_id ?? FIRST_ID],
  },
  'records by key, with one value': {
    path: 'records-by-key',
    parameters: () => ({ key: TEXT_KEY, order: 'text', value: TEXT }),
    sql: `SELECT ${VERSIONS} FROM ${RECORDS}
      WHERE record_id = query.record_id_of('${TEXT_KEY}') AND left(record_value, 64) = '${TEXT}' AND dataset_id > $1
      ORDER BY dataset_id LIMIT 100`,
    values: (_, last) => [last?.dataset_id ?? FIRST_ID],
  },
  changes: {
    path: 'changes',
    parameters: () => ({}),
    sql: `SELECT ${VERSIONS}, record_id, records.projected_at::text AS position FROM ${RECORDS}
      WHERE (records.projected_at, dataset_id, record_id) > ($1::timestamptz, $2, $3)
      ORDER BY records.projected_at, dataset_id, record_id LIMIT 100`,
    values: (_, last) => [
      last?.position ?? '-infinity',
      last?.dataset_id ?? FIRST_ID,
      last?.record_id ?? FIRST_ID,
    ],
  },
  quarantine: {
    path: 'quarantine',
    sql: `SELECT *, quarantined_at::text AS position FROM query.quarantine
      WHERE (quarantined_at, quarantine_id) < ($1::timestamptz, $2)
      ORDER BY quarantined_at DESC, quarantine_id DESC LIMIT 100`,
    values: (_, last) => [last?.position ?? 'infinity', last?.quarantine_id ?? LAST_ID],
  },
  'bulk publishes': {
    path: 'bulk-publishes',
    sql: `SELECT * FROM query.bulk_publishes WHERE (identity_pool_id, started_ms) > ($1, $2)
      ORDER BY identity_pool_id, started_ms LIMIT 100`,
    values: (_, last) => [last?.identity_pool_id ?? '', last?.started_ms ?? 0],
  },
  gaps: {
    path: 'gaps',
    sql: `SELECT * FROM query.gaps WHERE (identity_pool_id, since_ms) > ($1, $2)
      ORDER BY identity_pool_id, since_ms LIMIT 100`,
    values: (_, last) => [last?.identity_pool_id ?? '', last?.since_ms ?? 0],
  },
  progress: {
    path: 'progress',
    sql: `SELECT * FROM query.stream_progress WHERE shard_id > $1 ORDER BY stream_name, shard_id LIMIT 100`,
    values: (_, last) => [last?.shard_id ?? ''],
  },
  migrations: {
    path: 'migrations',
    sql: `SELECT pools.*, count(*) AS identities, count(taken_over_ms) AS taken_over
      FROM move.pools JOIN move.identities USING (identity_pool_id) GROUP BY pools.identity_pool_id LIMIT 10`,
  },
  counts: {
    path: 'counts',
    rounds: 5,
    sql: `SELECT count(DISTINCT identity_pool_id) AS pools, count(DISTINCT (identity_pool_id, identity_id)) AS identities,
        count(*) AS datasets, (SELECT count(*) FROM query.records) AS records FROM query.datasets`,
  },
  'SQL of a person': { path: 'sql', body: { sql: STATEMENT }, sql: STATEMENT },
};
