import type { Database } from '../../database/database.ts';
import type {
  ProjectedShard,
  QuarantinedEvent,
  QueriedBulkPublish,
  QueriedDataset,
  QueriedGap,
} from '../model.ts';
import type { QueryReader } from '../ports/query-reader.ts';
import { readCounts } from './counts.ts';
import { readPage, startAfter } from './page.ts';
import { readChanges, readRecords, readRecordsOf } from './record-queries.ts';

// The names of the columns are the names of the members of the model. In each statement, the last parameter is the limit.
// The parameters before it are the pool and the identity, if the statement needs them, and then the position after which
// the page starts.

/** Looks up one pool after the other in the index, instead of reading all datasets of each pool. */
const READ_POOLS = `
WITH RECURSIVE pools (identity_pool_id) AS (
  (SELECT identity_pool_id FROM query.dataset_versions WHERE identity_pool_id > $1::text ORDER BY identity_pool_id LIMIT 1)
  UNION ALL
  SELECT (
    SELECT next.identity_pool_id FROM query.dataset_versions AS next
    WHERE next.identity_pool_id > pools.identity_pool_id ORDER BY next.identity_pool_id LIMIT 1)
  FROM pools WHERE pools.identity_pool_id IS NOT NULL
)
SELECT identity_pool_id AS "identityPoolId" FROM pools WHERE identity_pool_id IS NOT NULL LIMIT $2::int`;

/**
 * What `providers` contains for an identity that was merged into another one. A list of names is never a single space.
 */
const MERGED = ' ';

/** SQL that goes from identity to identity in the index of the datasets. */
const nextWithData = (after: string) => `
    SELECT identity_id FROM query.dataset_versions
    WHERE identity_pool_id = $1::text AND identity_id > ${after} ORDER BY identity_id LIMIT 1`;

/**
 * Merges two lists: the identities that have or had a dataset, and the identities that the service knows. An identity of
 * the page that is in both lists is among the first rows of both. So reading one page of each list is enough.
 *
 * An identity can have many datasets, so the first list goes from identity to identity in the index. The second list
 * reads one page of the index by pool and identity, and then leaves out the next pool. If it selected the pool directly,
 * PostgreSQL could go through the identities of all pools, or read and sort the whole pool.
 */
const READ_IDENTITIES = `
SELECT identity_id AS "identityId",
  CASE WHEN known.merged_into IS NULL THEN known.providers ELSE '${MERGED}' END AS providers
FROM (
  WITH RECURSIVE steps AS (
    (${nextWithData('$2::text')})
    UNION ALL
    SELECT next.* FROM steps CROSS JOIN LATERAL (${nextWithData('steps.identity_id')}) AS next)
  SELECT identity_id FROM steps LIMIT $3::int
) AS with_data
FULL JOIN (
  SELECT identity_id, providers, merged_into
  FROM (
    SELECT identity_pool_id, identity_id, providers, merged_into FROM query.identities
    WHERE (identity_pool_id, identity_id) > ($1::text, $2::text)
    ORDER BY identity_pool_id, identity_id LIMIT $3::int
  ) AS following
  WHERE identity_pool_id = $1::text
) AS known USING (identity_id)
ORDER BY identity_id LIMIT $3::int`;

const READ_DATASETS = `
SELECT dataset_name AS "datasetName", sync_count AS "syncCount", last_modified_ms AS "lastModifiedMs",
  removed_ms IS NOT NULL AND (removed_ms, removed_sync_count) >= (last_modified_ms, sync_count) AS "isDeleted",
  projected_at AS "projectedAt"
FROM query.dataset_versions
WHERE identity_pool_id = $1::text AND identity_id = $2::text AND dataset_name > $3::text
ORDER BY dataset_name LIMIT $4::int`;

const READ_QUARANTINE = `
SELECT quarantine_id AS "quarantineId", reason, identity_pool_id AS "identityPoolId", stream_name AS "streamName",
  shard_id AS "shardId", sequence_number AS "sequenceNumber", arrived_at AS "arrivedAt",
  quarantined_at AS "quarantinedAt", redriven_at AS "redrivenAt", dismissed AS "isDismissed",
  quarantined_at::text AS position
FROM query.quarantine
WHERE (quarantined_at, quarantine_id) < ($1::text::timestamptz, $2::uuid)
ORDER BY quarantined_at DESC, quarantine_id DESC LIMIT $3::int`;

const READ_BULK_PUBLISHES = `
SELECT identity_pool_id AS "identityPoolId", started_at AS "startedAt", completed_at AS "completedAt", status,
  failure_message AS "failureMessage", projected_at AS "projectedAt", completeness, waiting_for AS "waitingFor",
  checked_at AS "checkedAt"
FROM query.bulk_publishes
WHERE (identity_pool_id, started_ms) > ($1::text, $2::text::bigint)
ORDER BY identity_pool_id, started_ms LIMIT $3::int`;

const READ_GAPS = `
SELECT identity_pool_id AS "identityPoolId", since, until, cause, mended_at AS "mendedAt"
FROM query.gaps
WHERE (identity_pool_id, since_ms, cause) > ($1::text, $2::text::bigint, $3::text)
ORDER BY identity_pool_id, since_ms, cause LIMIT $4::int`;

const READ_PROGRESS = `
SELECT stream_name AS "streamName", shard_id AS "shardId", sequence_number AS "sequenceNumber",
  arrived_at AS "arrivedAt", projected_at AS "projectedAt"
FROM query.stream_progress
WHERE (stream_name, shard_id) > ($1::text, $2::text)
ORDER BY stream_name, shard_id LIMIT $3::int`;

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/**
 * Creates the reader on any `Database`. Needs only the rights of the role `query_reader`.
 * @param now milliseconds of a clock that never goes back
 */
export function createQueryReader(database: Database, now = () => performance.now()): QueryReader {
  const pools: QueryReader['pools'] = async (page) =>
    readPage(
      database,
      { sql: READ_POOLS, values: startAfter(page.after, ['']), page },
      (row: { identityPoolId: string }) => row,
      ({ identityPoolId }) => [identityPoolId],
    );
  return {
    pools,
    counts: () => readCounts(database, { readPools: (limit) => pools({ limit, after: null }), now }),
    identities: async (identityPoolId, page) =>
      readPage(
        database,
        { sql: READ_IDENTITIES, values: [identityPoolId, ...startAfter(page.after, [''])], page },
        ({ identityId, providers }: IdentityRow) =>
          providers === MERGED
            ? null
            : {
                identityPoolId,
                identityId,
                providers: providers?.split(' ').filter((name) => name !== '') ?? null,
              },
        ({ identityId }) => [identityId],
      ),
    datasets: async ({ identityPoolId, identityId }, page) =>
      readPage(
        database,
        { sql: READ_DATASETS, values: [identityPoolId, identityId, ...startAfter(page.after, [''])], page },
        ({ lastModifiedMs, ...row }: DatasetRow) => ({
          identityPoolId,
          identityId,
          ...row,
          lastModifiedDate: new Date(lastModifiedMs),
        }),
        ({ datasetName }) => [datasetName],
      ),
    records: (dataset, page) => readRecords(database, dataset, page),
    recordsOf: (key, order, filter, page) => readRecordsOf(database, { key, order, filter }, page),
    changes: (since, page) => readChanges(database, since, page),
    async quarantine(page, { isWaiting = false } = {}) {
      const events = await readPage(
        database,
        { sql: READ_QUARANTINE, values: startAfter(page.after, ['infinity', LAST_ID]), page },
        ({ position: _, ...event }: QuarantinedEvent & { position: string }) => event,
        ({ position, quarantineId }) => [position, quarantineId],
      );
      // The filter applies to the rows that were read. The cost of a page therefore does not depend on how many events
      // were projected or dismissed.
      return isWaiting
        ? { ...events, items: events.items.filter(({ redrivenAt }) => redrivenAt === null) }
        : events;
    },
    bulkPublishes: async (page) =>
      readPage(
        database,
        { sql: READ_BULK_PUBLISHES, values: startAfter(page.after, ['', '0']), page },
        (row: QueriedBulkPublish) => row,
        ({ identityPoolId, startedAt }) => [identityPoolId, String(startedAt.getTime())],
      ),
    gaps: async (page) =>
      readPage(
        database,
        { sql: READ_GAPS, values: startAfter(page.after, ['', '0', '']), page },
        (row: QueriedGap) => row,
        ({ identityPoolId, since, cause }) => [identityPoolId, String(since.getTime()), cause],
      ),
    progress: async (page) =>
      readPage(
        database,
        { sql: READ_PROGRESS, values: startAfter(page.after, ['', '']), page },
        (row: ProjectedShard) => row,
        ({ streamName, shardId }) => [streamName, shardId],
      ),
  };
}

interface IdentityRow {
  identityId: string;
  /** Separated by spaces; null if the service does not know the identity; MERGED if it was merged into another one. */
  providers: string | null;
}

type DatasetRow = Pick<QueriedDataset, 'datasetName' | 'syncCount' | 'isDeleted' | 'projectedAt'> & {
  lastModifiedMs: number;
};
