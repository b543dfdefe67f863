-- Taking identities over from the origin of a migration.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- The lease of the process that works on the identity until leased_until_ms. NULL if no process works on the identity.
ALTER TABLE move.identities ADD COLUMN IF NOT EXISTS lease_id uuid;

ALTER TABLE move.identities ADD COLUMN IF NOT EXISTS leased_until_ms bigint;

-- The agreed counts of each dataset of an identity that this service owns. A record here with a count up to
-- agreed_here, and a record at the origin with a count up to agreed_there, have not changed since both sides agreed. If
-- this table has no row for a dataset, the dataset did not exist when the identity was taken over, and both sides have
-- not agreed on anything yet.
CREATE TABLE IF NOT EXISTS move.datasets (
  dataset_id uuid PRIMARY KEY,
  identity_row_id uuid NOT NULL,
  agreed_here bigint NOT NULL,
  agreed_there bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS moved_datasets_by_identity ON move.datasets (identity_row_id, dataset_id);
