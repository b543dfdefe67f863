-- The merges of deleted identities.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- Identities that had been merged into another identity when they were deleted. `erase` needs their ids later, because
-- the query store and the stream keep data longer than the service. merged_hash and root_hash are hashes of identity
-- ids. sealed_id is the id of the merged identity, encrypted with a key that is derived from the id of the identity into
-- which it was merged. So only a reader who knows that id can read it. A row is removed 400 days after the deletion.
CREATE TABLE IF NOT EXISTS identity.deleted_merges (
  merged_hash uuid PRIMARY KEY,
  root_hash uuid NOT NULL,
  sealed_id text NOT NULL,
  deleted_ms bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS deleted_merges_by_root ON identity.deleted_merges (root_hash);

CREATE INDEX IF NOT EXISTS deleted_merges_by_time ON identity.deleted_merges (deleted_ms);
