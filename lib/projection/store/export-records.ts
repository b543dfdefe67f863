import type { Transaction } from '../../database/database.ts';

/** A live record, with the names of the columns of `query.records`. Times are epoch milliseconds. */
export interface ExportedRecord {
  identity_pool_id: string;
  identity_id: string;
  dataset_name: string;
  record_key: string;
  record_value: string;
  /** As text, because it can have more digits than a number of JavaScript. */
  numeric_value: string | null;
  sync_count: number;
  last_modified_ms: number;
  device_last_modified_ms: number | null;
  projected_at: Date;
}

/** Which records are exported; null means any. */
export interface ExportFilter {
  identityPoolId: string | null;
  datasetName: string | null;
  /** Only records that were projected in this period. The end is excluded. Epoch milliseconds. */
  projected: { from: number; to: number } | null;
}

interface RecordRow extends ExportedRecord {
  dataset_id: string;
  record_id: string;
  projected_text: string;
}

const MAX_ROWS = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;

const page = (after: string, order: string) => `
SELECT * FROM (
  SELECT next.*,
    row_number() OVER in_order AS place,
    sum(octet_length(next.record_key) + octet_length(next.record_value)) OVER in_order AS bytes
  FROM (
    SELECT datasets.identity_pool_id, datasets.identity_id, datasets.dataset_name, records.record_key,
      records.record_value, records.numeric_value::text AS numeric_value, records.sync_count,
      records.last_modified_ms, records.device_last_modified_ms, records.projected_at, records.dataset_id,
      records.record_id, records.projected_at::text AS projected_text
    FROM projection.records
    JOIN projection.datasets ON datasets.dataset_id = records.dataset_id
    WHERE ${after}
      AND records.record_value IS NOT NULL
      AND (datasets.removed_ms IS NULL
        OR (records.last_modified_ms, records.sync_count) > (datasets.removed_ms, datasets.removed_sync_count))
      AND ($1::text IS NULL OR datasets.identity_pool_id = $1::text)
      AND ($2::text IS NULL OR datasets.dataset_name = $2::text)
    ORDER BY ${order}
    LIMIT ${MAX_ROWS}
  ) AS next
  WINDOW in_order AS (ORDER BY ${order})
) AS placed
WHERE place = 1 OR bytes <= ${MAX_BYTES}
ORDER BY place`;

/** $1, $2: the pool and the name of the dataset; $3, $4: the ids of the last record of the previous page. */
const READ_RECORDS = page(
  '(records.dataset_id, records.record_id) > ($3::uuid, $4::uuid)',
  'dataset_id, record_id',
);

/** $3, $4, $5: the position after which the page starts; $6: the end of the period. Uses the index on projected_at. */
const READ_PROJECTED = page(
  `(records.projected_at, records.dataset_id, records.record_id) > ($3::text::timestamptz, $4::uuid, $5::uuid)
      AND records.projected_at < $6::timestamptz`,
  'projected_at, dataset_id, record_id',
);

const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/**
 * Reads the next live records of the query store. The order is that of an index, and the same in every run.
 *
 * @param after the `next` of the previous page; null for the first page
 * @returns the records, and where the next page starts; null after the last page
 */
export async function readExportedRecords(
  on: Transaction,
  { identityPoolId, datasetName, projected }: ExportFilter,
  after: readonly string[] | null,
): Promise<{ records: ExportedRecord[]; next: string[] | null }> {
  const position = after ?? firstPosition(projected);
  const values = [identityPoolId, datasetName, ...position];
  const { rows } = projected
    ? await on.query<RecordRow>(READ_PROJECTED, [...values, new Date(projected.to)])
    : await on.query<RecordRow>(READ_RECORDS, values);
  const last = rows.at(-1);
  const ids = last ? [last.dataset_id, last.record_id] : [];
  const next = last ? [...(projected ? [last.projected_text] : []), ...ids] : null;
  return { records: rows, next };
}

function firstPosition(projected: ExportFilter['projected']): string[] {
  const start = projected ? [new Date(projected.from).toISOString()] : [];
  return [...start, BEFORE_ALL, BEFORE_ALL];
}
