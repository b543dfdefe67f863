-- The sync store: what the self-hosted service itself keeps. Schema `sync` is private; nobody but the service reads it.
-- Ids of datasets and records are the same hashes as in the query store. Times are epoch milliseconds, as in the events.
-- A statement ends with a semicolon at the end of a line, can be run again, and is a transaction of its own.

CREATE SCHEMA IF NOT EXISTS sync;

-- One row per identity that ever had a dataset: who creates a dataset locks it, so that two cannot both be the last one
-- that the limit allows.
CREATE TABLE IF NOT EXISTS sync.identities (
  identity_row_id uuid PRIMARY KEY,
  identity_pool_id text NOT NULL,
  identity_id text NOT NULL
);

-- A row stays when its dataset is deleted: counts and dates go on from there. deleted_sync_count is the count of the
-- newest deletion, 0 if there was none; the dataset exists while its sync_count is above it, and so do its records.
-- data_storage (bytes) and record_count are of the live records.
CREATE TABLE IF NOT EXISTS sync.datasets (
  dataset_id uuid PRIMARY KEY,
  identity_pool_id text NOT NULL,
  identity_id text NOT NULL,
  dataset_name text NOT NULL,
  sync_count bigint NOT NULL,
  deleted_sync_count bigint NOT NULL,
  creation_ms bigint NOT NULL,
  last_modified_ms bigint NOT NULL,
  last_modified_by text NOT NULL,
  data_storage bigint NOT NULL,
  record_count bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS datasets_by_name ON sync.datasets (identity_pool_id, identity_id, dataset_name);

-- A record_value of NULL is a tombstone: devices learn of the removal from it.
CREATE TABLE IF NOT EXISTS sync.records (
  dataset_id uuid NOT NULL,
  record_id uuid NOT NULL,
  record_key text NOT NULL,
  record_value text,
  sync_count bigint NOT NULL,
  last_modified_ms bigint NOT NULL,
  last_modified_by text NOT NULL,
  device_last_modified_ms bigint,
  PRIMARY KEY (dataset_id, record_id)
);

-- What a device asks for at the start of every sync: the records above a count, in the order of pages.
CREATE INDEX IF NOT EXISTS records_by_sync_count ON sync.records (dataset_id, sync_count, record_id);

-- Session tokens that an update has used. The time of expiry comes before the session, so that those of a dataset that
-- have expired are one range of the key.
CREATE TABLE IF NOT EXISTS sync.spent_tokens (
  dataset_id uuid NOT NULL,
  expires_ms bigint NOT NULL,
  session_id uuid NOT NULL,
  PRIMARY KEY (dataset_id, expires_ms, session_id)
);

-- Stream events that are not yet published, written in the transaction of the change they tell of.
CREATE TABLE IF NOT EXISTS sync.outbox (
  outbox_id uuid PRIMARY KEY,
  partition_key text NOT NULL,
  event text NOT NULL,
  created_at timestamptz NOT NULL,
  leased_until timestamptz,
  attempts integer NOT NULL,
  parked_reason text
);

CREATE INDEX IF NOT EXISTS outbox_by_created_at ON sync.outbox (created_at, outbox_id);
