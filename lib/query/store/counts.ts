import type { Database } from '../../database/database.ts';
import type { Count, StoreCounts } from '../model.ts';
import { QueryError } from '../ports/query-reader.ts';

/** Maximum number of rows of each list that are read. A longer list is estimated. */
const SAMPLE = 5_000;

interface Sampled {
  /** Number of rows that were read. */
  sampled: number;
  /** How many of these rows belong to the count, for example live records. */
  counted: number;
}

/**
 * Reads the first rows of a list. $1: the maximum number of rows. `counted`: the SQL expression that counts the rows
 * that belong to the count.
 */
const sample = (counted: string, rows: string) =>
  `SELECT count(*) AS sampled, ${counted} AS counted FROM (${rows} LIMIT $1::int) AS rows`;

const DATASETS = `SELECT identity_pool_id, identity_id,
    removed_ms IS NULL OR (removed_ms, removed_sync_count) < (last_modified_ms, sync_count) AS is_live
  FROM query.dataset_versions ORDER BY identity_pool_id, identity_id`;

/**
 * For each list, the statement that reads a sample (`read`), and a statement that would read all rows (`all`); the
 * planner estimates their number.
 */
const LISTS = {
  identities: {
    read: sample('count(DISTINCT (identity_pool_id, identity_id))', DATASETS),
    all: 'SELECT 1 FROM query.dataset_versions',
  },
  datasets: {
    read: sample('count(*) FILTER (WHERE is_live)', DATASETS),
    all: 'SELECT 1 FROM query.dataset_versions',
  },
  records: {
    read: sample(
      'count(*) FILTER (WHERE is_live)',
      'SELECT record_value IS NOT NULL AS is_live FROM query.record_versions ORDER BY dataset_id, record_id',
    ),
    all: 'SELECT 1 FROM query.record_versions',
  },
  quarantined: {
    read: sample('count(*) FILTER (WHERE redriven_at IS NULL)', 'SELECT redriven_at FROM query.quarantine'),
    all: 'SELECT 1 FROM query.quarantine',
  },
  gaps: {
    read: sample(
      'count(*) FILTER (WHERE mended_at IS NULL)',
      'SELECT mended_at FROM query.gaps ORDER BY identity_pool_id, since_ms, cause',
    ),
    all: 'SELECT 1 FROM query.gaps',
  },
};

const READ_LAG = `
SELECT
  (extract(epoch FROM max(projected_at - arrived_at)) * 1000)::bigint AS "lagMs", max(projected_at) AS "projectedAt"
FROM (SELECT projected_at, arrived_at FROM query.stream_progress ORDER BY stream_name, shard_id LIMIT $1::int) AS shards`;

/**
 * Time after which no further statement starts. The last statement can wait five seconds for a connection and run for
 * ten seconds, and the function `query-api` ends after 30 seconds.
 */
const MAX_MS = 12_000;

interface CountsDeps {
  readPools: (limit: number) => Promise<{ items: readonly unknown[] }>;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
}

/**
 * Reads the counts; see `QueryReader.counts`. Reads one list after the other, because concurrent reads would fill the
 * queue of the readers of the embedded database.
 */
export async function readCounts(database: Database, { readPools, now }: CountsDeps): Promise<StoreCounts> {
  const on = limitTime(database, now);
  const pools = await readPools(SAMPLE);
  const identities = await countList(on, LISTS.identities);
  const datasets = await countList(on, LISTS.datasets);
  const records = await countList(on, LISTS.records);
  const quarantined = await countList(on, LISTS.quarantined);
  const gaps = await countList(on, LISTS.gaps);
  const { rows: progress } = await on.query<{ lagMs: number | null; projectedAt: Date | null }>(READ_LAG, [
    SAMPLE,
  ]);
  const { lagMs = null, projectedAt = null } = progress[0] ?? {};
  return {
    pools: { count: pools.items.length, isEstimate: pools.items.length === SAMPLE },
    identities,
    datasets,
    records,
    quarantined,
    gaps,
    lagMs,
    projectedAt,
  };
}

type Queries = Pick<Database, 'query'>;

/** Starts no statement after MAX_MS. */
function limitTime(database: Queries, now: () => number): Queries {
  const endsAt = now() + MAX_MS;
  return {
    async query(sql, values) {
      if (now() < endsAt) return database.query(sql, values);
      throw new QueryError(
        'too-slow',
        'counting took too long, because the database is slow; try again later',
      );
    },
  };
}

/**
 * Counts a short list exactly. For a long list, multiplies the estimated number of rows by the share of counted rows in
 * the sample.
 */
async function countList(on: Queries, { read, all }: { read: string; all: string }): Promise<Count> {
  const { rows } = await on.query<Sampled>(read, [SAMPLE + 1]);
  const { sampled, counted } = rows[0] ?? { sampled: 0, counted: 0 };
  if (sampled <= SAMPLE) return { count: counted, isEstimate: false };
  const estimate = Math.max(await estimateRows(on, all), sampled);
  return { count: Math.round((estimate * counted) / sampled), isEstimate: true };
}

/**
 * Returns the number of rows that the planner expects. The planner computes this number from the size of the table, and
 * needs no statistics for that.
 */
async function estimateRows(on: Queries, sql: string): Promise<number> {
  const { rows } = await on.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`);
  return Number(/rows=(\d+)/.exec(rows[0]?.['QUERY PLAN'] ?? '')?.[1] ?? 0);
}
