-- The query store. Schema `projection` contains the private base tables. Schema `query` is the public read contract.
-- Keys are hashes, because a legal record key can exceed the index limit of any database. The times in versions are
-- stored as epoch milliseconds, exactly as in the events.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

CREATE SCHEMA IF NOT EXISTS projection;

CREATE SCHEMA IF NOT EXISTS query;

-- removed_*: the version of the newest removal of the dataset. Records at or below that version are removed.
CREATE TABLE IF NOT EXISTS projection.datasets (
  dataset_id uuid PRIMARY KEY,
  identity_pool_id text NOT NULL,
  identity_id text NOT NULL,
  dataset_name text NOT NULL,
  last_modified_ms bigint NOT NULL,
  sync_count bigint NOT NULL,
  removed_ms bigint,
  removed_sync_count bigint,
  projected_at timestamptz NOT NULL
);

-- A record_value of NULL is a tombstone. Such a row keeps the key and the version, so that an older write cannot
-- restore the record.
CREATE TABLE IF NOT EXISTS projection.records (
  dataset_id uuid NOT NULL,
  record_id uuid NOT NULL,
  record_key text NOT NULL,
  record_value text,
  numeric_value numeric,
  last_modified_ms bigint NOT NULL,
  sync_count bigint NOT NULL,
  device_last_modified_ms bigint,
  projected_at timestamptz NOT NULL,
  PRIMARY KEY (dataset_id, record_id)
);

CREATE TABLE IF NOT EXISTS projection.quarantine (
  quarantine_id uuid PRIMARY KEY,
  reason text NOT NULL,
  identity_pool_id text,
  stream_name text NOT NULL,
  shard_id text NOT NULL,
  sequence_number text NOT NULL,
  arrived_at timestamptz NOT NULL,
  quarantined_at timestamptz NOT NULL,
  redriven_at timestamptz,
  payload bytea NOT NULL
);

-- Versions assigned to removals that arrived without a version. removal_id is the hash of the removal's position on the
-- stream. A removal that is delivered again therefore gets the same version and does not remove later writes.
CREATE TABLE IF NOT EXISTS projection.dated_removals (
  removal_id uuid PRIMARY KEY,
  last_modified_ms bigint NOT NULL,
  sync_count bigint NOT NULL,
  dated_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS datasets_by_name ON projection.datasets (identity_pool_id, identity_id, dataset_name);

CREATE INDEX IF NOT EXISTS records_by_projected_at ON projection.records (projected_at);

-- This view decides which records are live, because the writers cannot. Two concurrent transactions can write a removal
-- and an older record, and neither transaction sees the row of the other transaction.
CREATE OR REPLACE VIEW query.records AS
SELECT
  datasets.identity_pool_id,
  datasets.identity_id,
  datasets.dataset_name,
  records.record_key,
  records.record_value,
  records.numeric_value,
  records.sync_count,
  to_timestamp(records.last_modified_ms / 1000) + (records.last_modified_ms % 1000) * interval '1 millisecond' AS last_modified_date,
  to_timestamp(records.device_last_modified_ms / 1000) + (records.device_last_modified_ms % 1000) * interval '1 millisecond' AS device_last_modified_date,
  records.projected_at
FROM projection.records
JOIN projection.datasets ON datasets.dataset_id = records.dataset_id
WHERE records.record_value IS NOT NULL
  AND (
    datasets.removed_ms IS NULL
    OR (records.last_modified_ms, records.sync_count) > (datasets.removed_ms, datasets.removed_sync_count)
  );

CREATE OR REPLACE VIEW query.datasets AS
SELECT
  datasets.identity_pool_id,
  datasets.identity_id,
  datasets.dataset_name,
  datasets.sync_count,
  to_timestamp(datasets.last_modified_ms / 1000) + (datasets.last_modified_ms % 1000) * interval '1 millisecond' AS last_modified_date,
  datasets.removed_ms IS NOT NULL
    AND (datasets.removed_ms, datasets.removed_sync_count) >= (datasets.last_modified_ms, datasets.sync_count) AS deleted,
  (
    SELECT count(*)
    FROM projection.records
    WHERE records.dataset_id = datasets.dataset_id
      AND records.record_value IS NOT NULL
      AND (
        datasets.removed_ms IS NULL
        OR (records.last_modified_ms, records.sync_count) > (datasets.removed_ms, datasets.removed_sync_count)
      )
  ) AS record_count,
  datasets.projected_at
FROM projection.datasets;

-- Omits the payload, which contains user data.
CREATE OR REPLACE VIEW query.quarantine AS
SELECT
  quarantine_id,
  reason,
  identity_pool_id,
  stream_name,
  shard_id,
  sequence_number,
  arrived_at,
  quarantined_at,
  redriven_at
FROM projection.quarantine;

GRANT USAGE ON SCHEMA query TO query_reader;

GRANT SELECT ON query.records, query.datasets, query.quarantine TO query_reader;
