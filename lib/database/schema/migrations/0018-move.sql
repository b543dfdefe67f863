-- What the migration of a pool from another service (the origin) needs. Schema `move` is private, like `sync`.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

CREATE SCHEMA IF NOT EXISTS move;

-- Pools that are being migrated. run_ms: the start of the last copy; it identifies the copy. progress: where that copy
-- is, as a JSON object. copied_ms: the end of the last complete copy; NULL until then. lease_id: the process that works
-- on the pool until leased_until_ms; NULL if no process does. lease_holder describes that process for the operator.
-- followed_ms: the arrival of the last event of the origin's stream that was applied. caught_up_ms: the last time at which
-- all events were applied. gap_since_ms and gap_seen_ms: since when events may be missing, because they expired before they
-- were applied, and when that was noticed; NULL if none are. verified_ms and differences: the end and the result of the
-- last comparison with the origin.
CREATE TABLE IF NOT EXISTS move.pools (
  identity_pool_id text PRIMARY KEY,
  origin text NOT NULL,
  run_ms bigint NOT NULL,
  progress text NOT NULL,
  copied_ms bigint,
  followed_ms bigint,
  caught_up_ms bigint,
  gap_since_ms bigint,
  gap_seen_ms bigint,
  verified_ms bigint,
  differences bigint,
  lease_id uuid,
  lease_holder text,
  leased_until_ms bigint
);

-- Identities that came from the origin. identity_row_id is a hash of pool and identity, as in sync.identities, so a row
-- that remains after the erasure of an identity does not name it. A row without an identity means that the identity was
-- deleted here and must not come back. listed_run_ms, copied_run_ms: the run_ms of the last copy that listed the
-- identity, and of the last copy that completed it. taken_over_ms: the time from which this service owns the identity.
CREATE TABLE IF NOT EXISTS move.identities (
  identity_row_id uuid PRIMARY KEY,
  identity_pool_id text NOT NULL,
  listed_run_ms bigint,
  copied_run_ms bigint,
  taken_over_ms bigint
);

CREATE INDEX IF NOT EXISTS moved_identities_by_pool ON move.identities (identity_pool_id, identity_row_id);

-- The date of the removal with the count deleted_sync_count, at the origin. NULL if this service made the removal.
ALTER TABLE sync.datasets ADD COLUMN IF NOT EXISTS removed_ms bigint;

-- The time at which the identity was copied from the origin. NULL for an identity that this service created.
ALTER TABLE identity.identities ADD COLUMN IF NOT EXISTS copied_ms bigint;

-- Providers at which the identity has a login at the origin, if the user's id there is unknown: a JSON list. An identity
-- with such a provider is not a guest. NULL without such providers.
ALTER TABLE identity.identities ADD COLUMN IF NOT EXISTS copied_providers text;
