-- Identity pools and identities, as in Amazon Cognito Identity. Schema `identity` is private, like `sync`.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

CREATE SCHEMA IF NOT EXISTS identity;

-- The settings of the pool in Cognito Identity: a JSON object with the members of CreateIdentityPool. NULL for a pool
-- that was created without these settings: such a pool has no stored name and allows guests.
ALTER TABLE sync.identity_pools ADD COLUMN IF NOT EXISTS identity_settings text;

-- The time at which the pool was deleted. From then on, no caller sees the pool, and its identities' data is being
-- removed. The row is deleted last, when nothing else remains.
ALTER TABLE sync.identity_pools ADD COLUMN IF NOT EXISTS deleted_ms bigint;

CREATE INDEX IF NOT EXISTS sync_identities_by_pool ON sync.identities (identity_pool_id);

-- merged_into: the identity into which this identity was merged; NULL if this identity was not merged.
CREATE TABLE IF NOT EXISTS identity.identities (
  identity_id text PRIMARY KEY,
  identity_pool_id text NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL,
  merged_into text
);

CREATE INDEX IF NOT EXISTS identities_by_pool ON identity.identities (identity_pool_id, identity_id);

CREATE INDEX IF NOT EXISTS identities_by_merge ON identity.identities (merged_into);

-- Maps logins to identities. login_id is a hash of pool, provider and user, so a login belongs to exactly one identity.
CREATE TABLE IF NOT EXISTS identity.logins (
  login_id uuid PRIMARY KEY,
  identity_pool_id text NOT NULL,
  provider text NOT NULL,
  user_id text NOT NULL,
  identity_id text NOT NULL,
  linked_ms bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS logins_by_identity ON identity.logins (identity_id);

CREATE INDEX IF NOT EXISTS logins_by_pool ON identity.logins (identity_pool_id);

-- Merged identities whose datasets must still be copied to another identity. A row is written in the transaction that
-- merges the two identities. The row stays until the merged identity has no datasets and all its credentials have
-- expired.
CREATE TABLE IF NOT EXISTS sync.pending_merges (
  identity_row_id uuid PRIMARY KEY,
  identity_pool_id text NOT NULL,
  identity_id text NOT NULL,
  into_identity_id text NOT NULL,
  merged_ms bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS pending_merges_by_target ON sync.pending_merges (identity_pool_id, into_identity_id);

-- Datasets that a merge created as copies. root_dataset_id: the dataset whose ListRecords response names the copy.
CREATE TABLE IF NOT EXISTS sync.merged_datasets (
  dataset_id uuid PRIMARY KEY,
  root_dataset_id uuid NOT NULL
);

CREATE INDEX IF NOT EXISTS merged_datasets_by_root ON sync.merged_datasets (root_dataset_id);
