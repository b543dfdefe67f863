-- What the erasure of one person's data needs.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- Whose records the payload contains: the id of the identity's row, as in sync.identities. NULL for a payload that an
-- older version of the service stored; such a payload expires within seven days.
ALTER TABLE sync.payloads ADD COLUMN IF NOT EXISTS identity_row_id uuid;

CREATE INDEX IF NOT EXISTS payloads_by_identity ON sync.payloads (identity_row_id);

-- Identities whose data was erased. Events of these identities are neither projected nor quarantined, because a stream
-- and a failure destination keep events after the erasure. identity_row_id is a hash of pool and identity. The id of the
-- identity cannot be computed from it.
CREATE TABLE IF NOT EXISTS projection.erased_identities (
  identity_row_id uuid PRIMARY KEY,
  erased_ms bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS erased_identities_by_time ON projection.erased_identities (erased_ms);
