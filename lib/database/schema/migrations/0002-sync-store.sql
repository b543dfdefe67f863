-- The sync store: the state of the self-hosted service. Schema `sync` is private; only the service reads it.
-- Dataset and record ids are the same hashes as in the query store. Times are epoch milliseconds, as in the events.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

CREATE SCHEMA IF NOT EXISTS sync;

-- One row per identity that ever had a dataset. Creating a dataset locks this row, so that two concurrent calls cannot
-- both create the last dataset within the limit.
CREATE TABLE IF NOT EXISTS sync.identities (
  identity_row_id uuid PRIMARY KEY,
  identity_pool_id text NOT NULL,
  identity_id text NOT NULL
);

-- A row remains after its dataset is deleted, so that counts and dates continue. deleted_sync_count is the count of the
-- newest deletion, or 0. A dataset or record exists only if its own sync_count is greater than deleted_sync_count.
-- data_storage (bytes) and record_count cover live records only.
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

-- A record_value of NULL is a tombstone, which tells devices about the removal.
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

-- Serves the first request of every sync: the records above a given sync count, in page order.
CREATE INDEX IF NOT EXISTS records_by_sync_count ON sync.records (dataset_id, sync_count, record_id);

-- Session tokens that an update has used; no other update may use them again. In the primary key, the expiry time comes
-- before the session id, so a dataset's expired tokens are one key range.
CREATE TABLE IF NOT EXISTS sync.spent_tokens (
  dataset_id uuid NOT NULL,
  expires_ms bigint NOT NULL,
  session_id uuid NOT NULL,
  PRIMARY KEY (dataset_id, expires_ms, session_id)
);

-- Stream events that are not yet published. Each event is written in the transaction of the change that it describes.
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
