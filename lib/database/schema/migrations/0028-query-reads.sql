-- Lets query_reader read everything that the query API reads, so that the API needs no other rights.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- One row per record, including removed records, whose record_value is null.
CREATE OR REPLACE VIEW query.record_versions AS
SELECT
  dataset_id,
  record_id,
  record_key,
  record_value,
  numeric_value,
  last_modified_ms,
  sync_count,
  device_last_modified_ms,
  projected_at
FROM projection.records;

-- One row per dataset. A record counts as removed unless its version is newer than the removal of its dataset.
CREATE OR REPLACE VIEW query.dataset_versions AS
SELECT
  dataset_id,
  identity_pool_id,
  identity_id,
  dataset_name,
  last_modified_ms,
  sync_count,
  removed_ms,
  removed_sync_count,
  projected_at
FROM projection.datasets;

-- started_ms and since_ms are the columns of the indexes, by which lists are ordered.
CREATE OR REPLACE VIEW query.bulk_publishes AS
SELECT
  identity_pool_id,
  to_timestamp(started_ms / 1000) + (started_ms % 1000) * interval '1 millisecond' AS started_at,
  to_timestamp(completed_ms / 1000) + (completed_ms % 1000) * interval '1 millisecond' AS completed_at,
  status,
  failure_message,
  to_timestamp(projected_ms / 1000) + (projected_ms % 1000) * interval '1 millisecond' AS projected_at,
  completeness,
  waiting_for,
  to_timestamp(checked_ms / 1000) + (checked_ms % 1000) * interval '1 millisecond' AS checked_at,
  started_ms
FROM projection.bulk_publishes;

CREATE OR REPLACE VIEW query.gaps AS
SELECT
  identity_pool_id,
  to_timestamp(since_ms / 1000) + (since_ms % 1000) * interval '1 millisecond' AS since,
  to_timestamp(until_ms / 1000) + (until_ms % 1000) * interval '1 millisecond' AS until,
  cause,
  to_timestamp(mended_ms / 1000) + (mended_ms % 1000) * interval '1 millisecond' AS mended_at,
  since_ms
FROM projection.gaps;

GRANT SELECT ON query.record_versions, query.dataset_versions TO query_reader;
