-- Deleted identities, identities without a login that are not guests, and the role settings of pools.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- The last time at which a login of the identity was unlinked. From then on, the identity is not a guest, even if it has
-- no login any more. NULL if no login was unlinked.
ALTER TABLE identity.identities ADD COLUMN IF NOT EXISTS unlinked_ms bigint;

-- The roles and the principal tags of the pool: a JSON object. They have no effect. NULL if they were never set.
ALTER TABLE sync.identity_pools ADD COLUMN IF NOT EXISTS role_settings text;

-- Identities that were deleted. While an identity has a row, its credentials are rejected. The row is removed when
-- everything that was issued for the identity has expired.
-- id_hash and root_hash are hashes of identity ids. root_hash is that of the identity whose deletion was requested. If
-- that identity is another one, this identity had been merged into it. The two ids are NULL once all data of the identity
-- is deleted. From then on, the row does not name the identity any more.
CREATE TABLE IF NOT EXISTS sync.deleted_identities (
  id_hash uuid PRIMARY KEY,
  root_hash uuid NOT NULL,
  identity_pool_id text,
  identity_id text,
  deleted_ms bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS deleted_identities_by_root ON sync.deleted_identities (root_hash);

-- Serves the list of incomplete deletions, which are few: NULL is not above any id.
CREATE INDEX IF NOT EXISTS deleted_identities_by_identity ON sync.deleted_identities (identity_id);

CREATE INDEX IF NOT EXISTS deleted_identities_by_time ON sync.deleted_identities (deleted_ms);
