import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Dialect } from '../../database/dialect.ts';
import { LOCKED_WRITE_TIME, UNLOCKED_WRITE_TIME } from './write-time.ts';

/** A statement and its values. */
export interface Statement {
  sql: string;
  values: string[];
}

export interface DatasetRow {
  datasetId: string;
  identityPoolId: string;
  identityId: string;
  datasetName: string;
  lastModifiedMs: number;
  syncCount: number;
  removedMs: number | null;
  removedSyncCount: number | null;
}

export interface RecordRow {
  datasetId: string;
  recordId: string;
  recordKey: string;
  recordValue: string | null;
  numericValue: string | null;
  lastModifiedMs: number;
  syncCount: number;
  deviceLastModifiedMs: number | null;
}

// The two statements below take one array per column, so one statement text with one plan serves any number of rows.
// Rows must be sorted by key, so that two writers do not lock the same rows in different orders. No key may occur
// twice, because SQL rejects such an upsert.

const UPSERT_DATASETS = `
INSERT INTO projection.datasets AS stored (
  dataset_id, identity_pool_id, identity_id, dataset_name,
  last_modified_ms, sync_count, removed_ms, removed_sync_count, projected_at)
SELECT *, now()
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
ON CONFLICT (dataset_id) DO UPDATE SET
  last_modified_ms = CASE
    WHEN (excluded.last_modified_ms, excluded.sync_count) > (stored.last_modified_ms, stored.sync_count)
    THEN excluded.last_modified_ms ELSE stored.last_modified_ms END,
  sync_count = CASE
    WHEN (excluded.last_modified_ms, excluded.sync_count) > (stored.last_modified_ms, stored.sync_count)
    THEN excluded.sync_count ELSE stored.sync_count END,
  removed_ms = CASE
    WHEN stored.removed_ms IS NULL
      OR (excluded.removed_ms, excluded.removed_sync_count) > (stored.removed_ms, stored.removed_sync_count)
    THEN excluded.removed_ms ELSE stored.removed_ms END,
  removed_sync_count = CASE
    WHEN stored.removed_ms IS NULL
      OR (excluded.removed_ms, excluded.removed_sync_count) > (stored.removed_ms, stored.removed_sync_count)
    THEN excluded.removed_sync_count ELSE stored.removed_sync_count END,
  projected_at = excluded.projected_at
WHERE (excluded.last_modified_ms, excluded.sync_count) > (stored.last_modified_ms, stored.sync_count)
  OR (excluded.removed_ms IS NOT NULL AND stored.removed_ms IS NULL)
  OR (excluded.removed_ms, excluded.removed_sync_count) > (stored.removed_ms, stored.removed_sync_count)`;

/** Raises the version of datasets and of their removals, independently of each other. */
export function upsertDatasets(rows: readonly DatasetRow[]): Statement {
  return {
    sql: UPSERT_DATASETS,
    values: [
      plainArray(rows.map((row) => row.datasetId)),
      textArray(rows.map((row) => row.identityPoolId)),
      textArray(rows.map((row) => row.identityId)),
      textArray(rows.map((row) => row.datasetName)),
      plainArray(rows.map((row) => row.lastModifiedMs)),
      plainArray(rows.map((row) => row.syncCount)),
      plainArray(rows.map((row) => row.removedMs)),
      plainArray(rows.map((row) => row.removedSyncCount)),
    ],
  };
}

const upsertRecordsAt = (writeTime: string) => `
INSERT INTO projection.records AS stored (
  dataset_id, record_id, record_key, record_value, numeric_value,
  last_modified_ms, sync_count, device_last_modified_ms, projected_at)
SELECT *, ${writeTime}
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::numeric[], $6::bigint[], $7::bigint[], $8::bigint[])
ON CONFLICT (dataset_id, record_id) DO UPDATE SET
  record_value = excluded.record_value,
  numeric_value = excluded.numeric_value,
  last_modified_ms = excluded.last_modified_ms,
  sync_count = excluded.sync_count,
  device_last_modified_ms = excluded.device_last_modified_ms,
  projected_at = excluded.projected_at
WHERE (excluded.last_modified_ms, excluded.sync_count) > (stored.last_modified_ms, stored.sync_count)`;

const UPSERT_RECORDS = upsertRecordsAt(LOCKED_WRITE_TIME);
const UPSERT_RECORDS_ON_DSQL = upsertRecordsAt(UNLOCKED_WRITE_TIME);

/** Writes the records that are newer than the stored records with the same key. */
export function upsertRecords(rows: readonly RecordRow[], dialect: Dialect | undefined): Statement {
  return {
    sql: dialect === 'dsql' ? UPSERT_RECORDS_ON_DSQL : UPSERT_RECORDS,
    values: [
      plainArray(rows.map((row) => row.datasetId)),
      plainArray(rows.map((row) => row.recordId)),
      textArray(rows.map((row) => row.recordKey)),
      textArray(rows.map((row) => row.recordValue)),
      plainArray(rows.map((row) => row.numericValue)),
      plainArray(rows.map((row) => row.lastModifiedMs)),
      plainArray(rows.map((row) => row.syncCount)),
      plainArray(rows.map((row) => row.deviceLastModifiedMs)),
    ],
  };
}
