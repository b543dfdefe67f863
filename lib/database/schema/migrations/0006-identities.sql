-- Identity pools and identities as Amazon Cognito Identity has them. Schema `identity` is private, as `sync` is.
-- A statement ends with a semicolon at the end of a line, can be run again, and is a transaction of its own.

CREATE SCHEMA IF NOT EXISTS identity;

-- What is set for a pool beside the columns above: a JSON object with the members of CreateIdentityPool. NULL for a pool
-- that was made without: it has no name of its own, and lets guests in.
ALTER TABLE sync.identity_pools ADD COLUMN IF NOT EXISTS identity_settings text;

-- When the pool was deleted: from then on it is not there for anybody, and what its identities stored is removed. The row
-- goes last, when nothing is left.
ALTER TABLE sync.identity_pools ADD COLUMN IF NOT EXISTS deleted_ms bigint;

CREATE INDEX IF NOT EXISTS sync_identities_by_pool ON sync.identities (identity_pool_id);

-- merged_into: the identity that this one has become part of; NULL while it stands for itself.
CREATE TABLE IF NOT EXISTS identity.identities (
  identity_id text PRIMARY KEY,
  identity_pool_id text NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL,
  merged_into text
);

CREATE INDEX IF NOT EXISTS identities_by_pool ON identity.identities (identity_pool_id, identity_id);

CREATE INDEX IF NOT EXISTS identities_by_merge ON identity.identities (merged_into);

-- Who logs in as whom. login_id is a hash of pool, provider and user: one login is one identity's.
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

-- Identities whose datasets are to be copied to another one. Written in the transaction that links the two; a row stays
-- until nobody can have credentials of the disappearing identity any more, and it has no datasets.
CREATE TABLE IF NOT EXISTS sync.pending_merges (
  identity_row_id uuid PRIMARY KEY,
  identity_pool_id text NOT NULL,
  identity_id text NOT NULL,
  into_identity_id text NOT NULL,
  merged_ms bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS pending_merges_by_target ON sync.pending_merges (identity_pool_id, into_identity_id);

-- Datasets that are copies made by a merge, each with the dataset in whose listings it is named.
CREATE TABLE IF NOT EXISTS sync.merged_datasets (
  dataset_id uuid PRIMARY KEY,
  root_dataset_id uuid NOT NULL
);

CREATE INDEX IF NOT EXISTS merged_datasets_by_root ON sync.merged_datasets (root_dataset_id);
